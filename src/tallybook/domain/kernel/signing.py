"""Texts that prove we wrote them: a payload with a signature, good for one purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def sign(key: bytes, purpose: str, payload: bytes) -> str:
    """`payload` and its signature, in letters, digits, `-`, `_` and one `.`.

    The payload is not hidden, only protected: whoever changes it, or brings it for another
    purpose, is not believed.
    """
    return f"{_text(payload)}.{_text(_signature(key, purpose, payload))}"


def signed_payload(key: bytes, purpose: str, text: str) -> bytes | None:
    """The payload of a text that `sign` made with the same key and purpose, else None."""
    body, _, signature = text.partition(".")
    try:
        payload, given = _bytes(body), _bytes(signature)
    except (binascii.Error, ValueError):
        return None
    return payload if hmac.compare_digest(given, _signature(key, purpose, payload)) else None


def _signature(key: bytes, purpose: str, payload: bytes) -> bytes:
    return hmac.digest(key, purpose.encode() + b"\0" + payload, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
