"""How an API key is written: `tb_<label>_<secret><checksum>`.

The label names the key in lists and logs. The secret is 160 random bits. The checksum is the CRC-32
of everything before it: a mistyped or made-up key is told apart without asking the database, and a
scanner for leaked secrets has hardly a false alarm. What is kept is the SHA-256 of the whole text;
with that much chance in it, a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import re
import zlib

from tallybook.domain.kernel.errors import Unauthenticated
from tallybook.domain.kernel.identifiers import crockford

LABEL_BYTES = 5
SECRET_BYTES = 20

_ALPHABET = "0-9abcdefghjkmnpqrstvwxyz"
_FORM = re.compile(rf"tb_[{_ALPHABET}]{{8}}_[{_ALPHABET}]{{32}}([{_ALPHABET}]{{7}})")


def write_key(chance: bytes) -> str:
    """The text of a key made from `LABEL_BYTES + SECRET_BYTES` random bytes."""
    assert len(chance) == LABEL_BYTES + SECRET_BYTES, "as much chance as a key takes"
    label = crockford(int.from_bytes(chance[:LABEL_BYTES]), 8)
    secret = crockford(int.from_bytes(chance[LABEL_BYTES:]), 32)
    body = f"tb_{label}_{secret}"
    return body + _checksum(body)


def label_of(text: str) -> str:
    """The part of a key that may be shown: `tb_` and its label."""
    return text[:11]


def digest_of(text: str) -> bytes:
    """The SHA-256 under which a key is kept. Refuses what was never a key of ours."""
    form = _FORM.fullmatch(text)
    if form is None or form[1] != _checksum(text[:-7]):
        raise Unauthenticated(
            "malformed_api_key",
            "This is not an API key of Tallybook: its form or checksum is wrong.",
            mend="Copy the whole key, from tb_ to its last character.",
        )
    return sha256_of(text)


def sha256_of(text: str) -> bytes:
    """The SHA-256 of any text: no key is kept under it unless it was one of ours."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return crockford(zlib.crc32(body.encode()), 7)
