"""A short way for the busiest route, past what the framework does for every other.

Of a request with one event nearly all the time goes into what surrounds it: routes matched,
dependencies found, parameters read, an answer wrapped four times. The handler that takes events
needs nothing of that but the request, so it is called at once; it is guarded, refused and answered
by the same functions, and the framework describes it as it does the others.
"""

from __future__ import annotations

from typing import Any, cast

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import (
    HTTPScope,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
)

from tallybook.api.headers import headers_on_data
from tallybook.api.problems import answer_fault, answer_http, answer_refusal
from tallybook.domain.kernel.errors import Refusal


class ShortWay(Litestar):
    """The application; requests for `METHOD path` of `shortest` go to that handler directly.

    It must be asynchronous, take the request alone, and have all its guards itself.
    """

    def __init__(self, *, shortest: HTTPRouteHandler, **options: Any) -> None:
        super().__init__(**options)
        (self._path,) = shortest.paths
        (self._method,) = shortest.http_methods
        self._answer: Any = shortest.fn
        self._guards: Any = shortest.guards or ()
        self._handler = shortest

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        """Entry point of the server."""
        if scope.get("path") != self._path or scope.get("method") != self._method:
            await super().__call__(scope, receive, send)
            return
        await self._go(cast("HTTPScope", scope), cast("Receive", receive), cast("Send", send))

    async def _go(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        scope["app"] = scope["litestar_app"] = self
        scope["path_template"] = self._path
        scope.setdefault("state", {})
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        response = await self._answered(request)
        headers = [(name.encode(), str(text).encode()) for name, text in response.headers.items()]
        body = response.content
        start: Any = {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": [
                (b"content-type", str(response.media_type).encode()),
                (b"content-length", str(len(body)).encode()),
                *headers,
                *headers_on_data(scope),
            ],
        }
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answered(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        try:
            for guard in self._guards:
                await guard(request, self._handler)
            response: Response[bytes] = await self._answer(request)
        except Refusal as refusal:
            return answer_refusal(request, refusal)
        except HTTPException as error:
            return answer_http(request, error)
        except Exception as error:
            return answer_fault(request, error)
        return response
