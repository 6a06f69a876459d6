"""Single headers of a request, for the busiest ways.

The framework makes a case-insensitive table of all of them, at every request. A server gives names
in small letters already, and few are asked for.
"""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection


def header_of(connection: ASGIConnection[Any, Any, Any, Any], name: bytes) -> str:
    """The header of that name, which is in small letters; the first of several; "" if not sent."""
    for each, text in connection.scope["headers"]:
        if each == name:
            return text.decode("latin-1")
    return ""
