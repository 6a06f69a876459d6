"""The tenant, and the keys that act for it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.errors import Conflicting, Forbidden, Invalid

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class Mode(StrEnum):
    """Whether an organization's money is meant. It never changes."""

    LIVE = "live"
    TEST = "test"


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant: every row and every port method is scoped by it.

    One for tests may live on a clock of its own, which stands at `clock_at` until it is advanced.
    """

    id: str
    key: str
    name: str
    created_at: datetime
    mode: Mode = Mode.LIVE
    clock_at: datetime | None = None


def check_advance(organization: Organization, at: datetime, *, stands_at: datetime | None) -> None:
    """Refuse a clock for what is live, and to turn one back that `stands_at` a time."""
    if organization.mode is not Mode.TEST:
        raise Forbidden(
            "live_organization",
            f"Organization {organization.key!r} is live: it goes by the time that it is.",
            mend="Make an organization with mode test for what is tried out.",
        )
    if stands_at is not None and at < stands_at:
        raise Conflicting(
            "clock_turned_back",
            f"The clock stands at {stands_at.isoformat()}, which is later.",
            field="at",
            mend="Send a later time; what has happened stays.",
        )
    if not _EARLIEST <= at < _LATEST:
        raise Invalid(
            "time_out_of_range",
            f"{at.isoformat()} is out of range.",
            field="at",
            mend=f"Send a time from {_EARLIEST.year} to {_LATEST.year - 1}.",
        )


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
