"""Into the console and out of it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from litestar import Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tallybook.domain.kernel.errors import Forbidden, Refusal, Unauthenticated
from tallybook.services.enter_console import begin_session, take_entrance
from tallybook.services.ports import Wiring
from tallybook.web.rendering import AnyRequest, render
from tallybook.web.visiting import requires_own_form, requires_visitor, session_cookie

HOME = "/invoices"

_used_entrances: set[str] = set()
"""Links taken in this process; those of an earlier one are not valid any more."""


@get("/", sync_to_thread=False)
def read_root() -> Response[None]:
    """The console begins with the invoices."""
    return _to(HOME)


@get("/sign-in", sync_to_thread=False)
def read_sign_in(
    following: Annotated[str, QueryParameter(name="next", max_length=2000)] = HOME,
) -> Response[str]:
    """The form for an API key."""
    return render("sign_in.html", following=_own_path(following), problem=None)


@post("/sign-in", guards=[requires_own_form])
async def post_sign_in(request: AnyRequest, wiring: NamedDependency[Wiring]) -> Response[Any]:
    """Begin a session with an API key that may read."""
    form = await request.form()
    following = _own_path(str(form.get("next", "")))
    try:
        session = begin_session(wiring, str(form.get("api_key", ""))[:200])
    except (Unauthenticated, Forbidden) as refusal:
        return render("sign_in.html", status_code=403, following=following, problem=refusal)
    return _to(following, session_cookie(request, session))


@get("/enter/{text:str}", sync_to_thread=True)
def read_entrance(
    request: Request[Any, Any, Any],
    wiring: NamedDependency[Wiring],
    text: Annotated[str, PathParameter(max_length=1000)],
) -> Response[Any]:
    """Begin a session by a link that the operator was given. It works once."""
    try:
        session = take_entrance(wiring, text, request.app.state.boot)
        if text in _used_entrances:
            raise Unauthenticated(
                "entrance_used",
                "This link into the console was used already.",
                mend="Ask for a new one with `tallybook console`, or sign in with an API key.",
            )
        _used_entrances.add(text)
    except Refusal as refusal:
        return render("sign_in.html", status_code=403, following=HOME, problem=refusal)
    return _to(HOME, session_cookie(request, session))


@post("/sign-out", guards=[requires_visitor, requires_own_form])
async def post_sign_out(request: AnyRequest) -> Response[None]:
    """End the session in this browser."""
    return _to("/sign-in", session_cookie(request, ""))


def _to(path: str, cookie: Cookie | None = None) -> Response[None]:
    cookies = [cookie] if cookie else []
    return Response(None, status_code=303, headers={"Location": path}, cookies=cookies)


def _own_path(path: str) -> str:
    """A path of this server, never another address: `//elsewhere` is one to a browser."""
    parts = urlsplit(path)
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if is_own and not parts.scheme and path.isprintable() else HOME


router = Router(
    path="/",
    route_handlers=[read_root, read_sign_in, post_sign_in, read_entrance, post_sign_out],
    include_in_schema=False,
)
