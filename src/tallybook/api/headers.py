"""Headers that go with every answer, whatever it is and wherever it comes from."""

from __future__ import annotations

from litestar.types import Message, Scope

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Pages load what this server serves, run no inline script, and are framed by nobody."""

_ALWAYS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_ON_DATA = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)
_NOT_KEPT = (b"cache-control", b"no-store")
_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


def headers_on_data(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The few of them that mean something on an answer to a program, which is not to be kept."""
    headers = [*_ON_DATA, _NOT_KEPT]
    if scope.get("scheme") == "https":
        headers.append(_TRANSPORT)
    return headers


async def add_security_headers(message: Message, scope: Scope) -> None:
    """Add them to the start of an answer. What says nothing of caches is not to be kept."""
    if message["type"] != "http.response.start":
        return
    headers = [*message["headers"], *_ALWAYS]
    if not any(name.lower() == b"cache-control" for name, _ in message["headers"]):
        headers.append(_NOT_KEPT)
    if scope.get("scheme") == "https":
        headers.append(_TRANSPORT)
    message["headers"] = headers
