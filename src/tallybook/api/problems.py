"""Refusals, faults and malformed requests as problem details (RFC 9457).

Every answer that is not a success has the same members: `type`, `title`, `status`, `detail`, and
where known `code` (stable, for programs), `field` (a path into the request) and `mend` (what to
send instead). What goes wrong inside us is logged with its trace and answered without it.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from tallybook.api.choices import choices_at
from tallybook.api.parameters import sent_name
from tallybook.domain.kernel.errors import Invalid, Refusal, Unauthenticated, Unavailable

_log = structlog.get_logger("tallybook.api")

AnyRequest = Request[Any, Any, Any]


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a request was not carried out, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str = ""
    mend: str = ""


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    field: str = "",
    mend: str = "",
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """The answer for one problem."""
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        field=field,
        mend=mend,
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def invalid_body(error: msgspec.MsgspecError, kind: Any) -> Refusal:
    """The refusal for a body that msgspec does not accept as `kind`, its field as a path."""
    if not isinstance(error, msgspec.ValidationError):
        return Invalid(
            "malformed_json",
            f"The body is not JSON: {error}.",
            mend="Send one JSON document, in UTF-8.",
        )
    message, _, path = str(error).partition(" - at `$")
    field = _pointer(path.rstrip("`"))
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown:
        return Invalid(
            "unknown_field",
            f"There is no field {unknown[1]!r} here.",
            field=f"{field}/{unknown[1]}" if field else unknown[1],
            mend="Remove it, or correct its spelling.",
        )
    missing = re.fullmatch(r"Object missing required field `(.*)`", message)
    if missing:
        return Invalid(
            "missing_field",
            f"The field {missing[1]!r} is required.",
            field=f"{field}/{missing[1]}" if field else missing[1],
            mend="Send it.",
        )
    mend = _one_of(choices_at(kind, field)) or "Correct the value's type."
    return Invalid("wrong_value", f"{message}.", field=field, mend=mend)


def _one_of(choices: tuple[str, ...]) -> str:
    return f"Send one of {', '.join(choices)}." if choices else ""


def _pointer(path: str) -> str:
    """`.prices[0].rule` as `prices/0/rule`."""
    return "/".join(part for part in re.split(r"[.\[\]]+", path) if part)


def answer_refusal(request: AnyRequest, refusal: Refusal) -> Response[bytes]:
    """A refusal, with the headers that go with its kind."""
    headers: dict[str, str] = {}
    if isinstance(refusal, Unavailable):
        headers["Retry-After"] = str(refusal.retry_after_seconds)
        _log.warning("unavailable", path=request.url.path, code=refusal.code, why=refusal.message)
    if isinstance(refusal, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="tallybook"'
    return problem_response(
        refusal.status,
        refusal.code,
        refusal.message,
        field=refusal.field,
        mend=refusal.mend,
        headers=headers,
    )


def answer_malformed(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    """A parameter of the wrong type, or no body where one is needed."""
    complaint: Any = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    message = str(complaint.get("message", error.detail)).removesuffix(".")
    if complaint.get("key") == "data":
        return problem_response(
            422, "missing_body", "The request has no body.", mend="Send a JSON document."
        )
    name = str(complaint.get("key", ""))
    parameter = request.route_handler.parsed_fn_signature.parameters.get(name)
    return problem_response(
        422,
        "wrong_value",
        f"{message}.",
        field=sent_name(parameter) if parameter else name,
        mend=_one_of(choices_at(parameter.annotation) if parameter else ())
        or "Correct the parameter.",
    )


_MENDS = {
    404: ("no_such_path", "There is nothing at this path.", "Look the path up in /docs."),
    405: ("method_not_allowed", "This path has not that method.", "Look it up in /docs."),
    413: (
        "body_too_large",
        "The body is larger than this takes.",
        "Send less at once, in several requests.",
    ),
}


def answer_http(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """What the framework itself refuses. A browser at no path of ours is shown a page."""
    status = error.status_code
    if status >= 500:
        return answer_fault(request, error)
    page = request.app.state.get("not_found_page")
    if status == 404 and page and "text/html" in request.headers.get("accept", ""):
        shown: Response[Any] = page(request)
        return shown
    code, detail, mend = _MENDS.get(status, ("bad_request", error.detail, ""))
    return problem_response(status, code, detail, mend=mend, headers=error.headers)


def answer_fault(request: AnyRequest, error: Exception) -> Response[bytes]:
    """A fault of ours: logged with its trace, answered without it."""
    _log.error(
        "fault",
        method=request.method,
        path=request.url.path,
        exc_info=error,
        kind=type(error).__name__,
    )
    return problem_response(
        500,
        "internal_fault",
        "Something went wrong inside the server; it is in its log.",
        mend="Try again; report it with the time of the request if it happens again.",
    )


HANDLERS: ExceptionHandlersMap = {
    Refusal: answer_refusal,
    ValidationException: answer_malformed,
    HTTPException: answer_http,
    Exception: answer_fault,
}
