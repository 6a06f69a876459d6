"""From a template and what it shows to an answer."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from markupsafe import Markup, escape

from tallybook import __version__
from tallybook.web.assets import asset

AnyRequest = Request[Any, Any, Any]

_environment = Environment(
    loader=PackageLoader("tallybook.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.globals.update(asset=asset, version=__version__)


def _code(text: str) -> Markup:
    """A sentence whose `quoted` words are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _prose(text: str) -> Markup:
    """Paragraphs, set apart by blank lines."""
    parts = (_code(part) for part in text.split("\n\n") if part.strip())
    return Markup("").join(Markup("<p>{}</p>").format(part) for part in parts)


_environment.filters.update(code=_code, prose=_prose)


def render(
    template: str,
    /,
    *,
    status_code: int = 200,
    headers: dict[str, str] | None = None,
    **shown: Any,
) -> Response[str]:
    """The page, or the part of one, that `template` makes of `shown`. Texts are escaped."""
    body = _environment.get_template(template).render(**shown)
    return Response(body, status_code=status_code, media_type="text/html", headers=headers)


def wants_part(request: AnyRequest) -> bool:
    """Whether a script asks for a part to put into the page, rather than a browser for a page."""
    return "hx-request" in request.headers
