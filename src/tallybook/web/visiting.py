"""Who visits the console: sessions in a signed cookie, and forms that only our pages can send."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from tallybook.domain.kernel.errors import Forbidden
from tallybook.services.enter_console import LIFETIME, Visitor, recognise_visitor

COOKIE = "tallybook_session"
Visiting = NamedDependency[Visitor]
"""`visitor: Visiting`: who is signed in, on pages that `requires_visitor` guards."""

AnyConnection = ASGIConnection[Any, Any, Any, Any]


class SignInNeededError(Exception):
    """Nobody is signed in; the page is for those who are."""


async def requires_visitor(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """A guard that lets those pass who are signed in, and sends others to sign in."""
    text = connection.cookies.get(COOKIE, "")
    state = connection.app.state
    visitor = (
        await asyncio.to_thread(recognise_visitor, state.wiring, text, state.boot) if text else None
    )
    if visitor is None:
        raise SignInNeededError
    connection.state.visitor = visitor


async def requires_own_form(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """A guard against forms that other sites send: checked by where the browser says it comes
    from, and on pages of a session by a token that only they contain."""
    expect_own_origin(connection)
    visitor: Visitor | None = connection.state.get("visitor")
    if visitor is None:
        return
    assert isinstance(connection, Request), "forms come by request"
    given = str((await connection.form()).get("form_token", ""))
    if not hmac.compare_digest(given.encode(), visitor.form_token.encode()):
        raise Forbidden(
            "form_expired",
            "This form does not belong to your session, or no longer.",
            mend="Open the page again and repeat it there.",
        )


def expect_own_origin(connection: AnyConnection) -> None:
    """Refuse what a browser sends on another site's behalf."""
    site = connection.headers.get("sec-fetch-site", "same-origin")
    origin = connection.headers.get("origin", "")
    is_foreign = bool(origin) and urlsplit(origin).netloc != connection.headers.get("host", "")
    if site not in {"same-origin", "none"} or is_foreign:
        raise Forbidden(
            "foreign_form",
            "This was sent from another site.",
            mend="Open the page here and repeat it there.",
        )


def visitor_of(request: Request[Any, Any, Any]) -> Visitor:
    """Who the guard let pass."""
    visitor: Visitor = request.state.visitor
    return visitor


def session_cookie(request: Request[Any, Any, Any], text: str) -> Cookie:
    """The cookie of a session: not for scripts, not for other sites, gone when it ends."""
    return Cookie(
        key=COOKIE,
        value=text,
        max_age=int(LIFETIME.total_seconds()) if text else 0,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def to_sign_in(request: Request[Any, Any, Any], _: SignInNeededError) -> Response[None]:
    """Send whoever is not signed in to where they can, and back afterwards."""
    there = f"/sign-in?next={quote(request.url.path)}"
    if "hx-request" in request.headers:
        return Response(None, status_code=401, headers={"HX-Redirect": there})
    return Response(None, status_code=303, headers={"Location": there})
