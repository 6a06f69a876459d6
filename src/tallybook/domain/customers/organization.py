"""The tenant, and the keys that act for it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.errors import Invalid


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant: every row and every port method is scoped by it."""

    id: str
    key: str
    name: str
    created_at: datetime


class Scope(StrEnum):
    """What a key may do. `write` does not include `ingest`: each is granted by itself."""

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is kept: never the secret, only its SHA-256."""

    id: str
    organization_id: str
    name: str
    prefix: str
    secret_sha256: bytes
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None


def named(text: str, *, field: str = "name") -> str:
    """A name for people: 1 to 200 printable characters, without space around it."""
    name = text.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise Invalid(
            "malformed_name",
            f"{text[:40]!r} is not a name.",
            field=field,
            mend="Send 1 to 200 printable characters.",
        )
    return name
