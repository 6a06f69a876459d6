"""The API's description of itself."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, get

from tallybook.api.openapi import describe


@get("/openapi.json", media_type="application/json", sync_to_thread=False)
def read_openapi(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The OpenAPI 3.1 document. `/docs` shows it to people."""
    return describe(request.app)


router = Router(path="/", route_handlers=[read_openapi], include_in_schema=False)
