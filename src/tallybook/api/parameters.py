"""The names that a route's parameters have in requests; others are refused.

A misspelt one would silently not narrow the answer: `custmer=acme` asks about everybody.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from litestar import Request
from litestar.handlers.base import BaseRouteHandler
from litestar.typing import FieldDefinition

from tallybook.domain.kernel.errors import Invalid

_OF_PAGES = ("limit", "after")
"""Every list may be asked for by pages, one that is always answered whole, too."""


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Refuse a request to the API with a parameter that its route does not have."""
    if not request.scope["query_string"] or not request.url.path.startswith("/v1/"):
        return
    known = _known(request.route_handler)
    refuse_others(request, known, _OF_PAGES if request.method == "GET" else ())


def refuse_others(
    request: Request[Any, Any, Any], known: Collection[str], passed: Collection[str] = ()
) -> None:
    """Refuse a request with a parameter that is neither `known` nor `passed`, naming the known."""
    for name in request.query_params:
        if name not in known and name not in passed:
            raise Invalid(
                "unknown_parameter",
                f"There is no parameter {name[:60]!r} here.",
                field=name[:60],
                mend=f"Send one of {', '.join(known)}." if known else "Send none.",
            )


def sent_name(parameter: FieldDefinition) -> str:
    """The name that a parameter of a handler is sent by."""
    asked = parameter.kwarg_definition
    name: str = getattr(asked, "query", None) or getattr(asked, "name", None) or parameter.name
    return name


@lru_cache(maxsize=1024)
def _known(handler: BaseRouteHandler) -> tuple[str, ...]:
    injected = handler.resolve_dependencies()
    return tuple(
        sent_name(parameter)
        for parameter in handler.parsed_fn_signature.parameters.values()
        if getattr(parameter.kwarg_definition, "param_type", None) == "query"
        and parameter.name not in injected
    )
