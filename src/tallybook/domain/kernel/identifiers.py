"""Names of facts. A fact's id is derived from what makes it unique, so a retry meets itself."""

from __future__ import annotations

import hashlib
import re

from tallybook.domain.kernel.errors import Invalid

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford: no i, l, o, u to misread
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")


def derived_id(prefix: str, *parts: str) -> str:
    """`prefix_` and 130 bits of SHA-256 over `parts`, the same for the same parts for ever.

    Parts are length-prefixed, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return f"{prefix}_{crockford(int.from_bytes(digest.digest()[:17]) >> 6, 26)}"


def crockford(number: int, length: int) -> str:
    """`number` in Crockford's base 32, `length` characters, most significant first."""
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * length - 5, -5, -5))


def checked_key(text: str, *, field: str = "key", may_have_slash: bool = False) -> str:
    """A key chosen by a user: 1 to 128 of letters, digits and `. _ : @ + -`.

    A key stands in the path of what it names, so a slash is taken only where other systems' names
    must be, and what has one is addressed by its id.
    """
    if not _KEY.fullmatch(text.replace("/", "_") if may_have_slash else text):
        signs = ". _ : @ / + -" if may_have_slash else ". _ : @ + -"
        raise Invalid(
            "malformed_key",
            f"{text[:40]!r} is not a key.",
            field=field,
            mend=f"Use 1 to 128 letters, digits and {signs}, starting with a letter or digit.",
        )
    return text
