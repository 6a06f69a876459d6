"""Refusals and faults as pages for people."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from tallybook.domain.kernel.errors import Refusal, Unavailable
from tallybook.web.rendering import AnyRequest, render, wants_part
from tallybook.web.visiting import SignInNeededError, to_sign_in

_log = structlog.get_logger("tallybook.web")


def problem_page(
    request: AnyRequest,
    status: int,
    message: str,
    mend: str = "",
    headers: dict[str, str] | None = None,
) -> Response[str]:
    """What stands in the way and what to do, in the form that was asked for."""
    template = "parts/problem.html" if wants_part(request) else "problem.html"
    title = HTTPStatus(status).phrase
    return render(
        template, status_code=status, headers=headers, title=title, message=message, mend=mend
    )


def show_refusal(request: AnyRequest, refusal: Refusal) -> Response[str]:
    """A refusal of a service."""
    headers = (
        {"Retry-After": str(refusal.retry_after_seconds)}
        if isinstance(refusal, Unavailable)
        else None
    )
    return problem_page(request, refusal.status, refusal.message, refusal.mend, headers)


def show_http(request: AnyRequest, error: HTTPException) -> Response[str]:
    """A refusal of the framework."""
    if error.status_code >= 500:
        return show_fault(request, error)
    if error.status_code == 404:
        return not_found_page(request)
    return problem_page(request, error.status_code, "This request cannot be understood.")


def not_found_page(request: AnyRequest) -> Response[str]:
    """There is no such page."""
    return problem_page(
        request, 404, "There is no such page.", "Check the address, or begin with the invoices."
    )


def show_fault(request: AnyRequest, error: Exception) -> Response[str]:
    """A fault of ours: logged with its trace, shown without it."""
    _log.error("fault", method=request.method, kind=type(error).__name__, exc_info=error)
    return problem_page(
        request,
        500,
        "Something went wrong inside the server; it is in its log.",
        "Try again. If it happens again, report the time at which it did.",
    )


HANDLERS: ExceptionHandlersMap = {
    SignInNeededError: to_sign_in,
    Refusal: show_refusal,
    HTTPException: show_http,
    Exception: show_fault,
}
