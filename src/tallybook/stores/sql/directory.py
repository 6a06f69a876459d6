"""Organizations and API keys in PostgreSQL, and a short memory of keys seen."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from tallybook.domain.customers.organization import ApiKey, Mode, Organization, Scope
from tallybook.domain.kernel.errors import Conflicting
from tallybook.stores.sql.database import Instant, metadata, refusing_outages

organizations = sa.Table(
    "organizations",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("mode", sa.Text, nullable=False, server_default=Mode.LIVE.value),
    sa.Column("clock_at", Instant),
    sa.CheckConstraint("clock_at IS NULL OR mode = 'test'", name="clock"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("organization_id", sa.ForeignKey("organizations.id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("prefix", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
)

MEMORY_SECONDS = 10.0
"""How long a key is believed without asking again: a revocation made by another process takes
effect after this; one made by this process, at once."""

_MEMORY_KEYS = 10_000


class SqlDirectory:
    """The `Directory` port. Each call is a transaction of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._recent: OrderedDict[bytes, tuple[float, ApiKey]] = OrderedDict()
        self._live: set[str] = set()
        self._generation = 0
        self._lock = threading.Lock()

    def add_organization(self, organization: Organization) -> None:
        try:
            with refusing_outages(), self._engine.begin() as connection:
                connection.execute(
                    organizations.insert().values(
                        id=organization.id,
                        key=organization.key,
                        name=organization.name,
                        created_at=organization.created_at,
                        mode=organization.mode.value,
                        clock_at=organization.clock_at,
                    )
                )
        except sa.exc.IntegrityError:
            raise Conflicting(
                "organization_exists",
                f"There is an organization {organization.key!r} already.",
                field="key",
                mend="Choose another key.",
            ) from None

    def organizations(self) -> list[Organization]:
        """All, the first made first."""
        query = sa.select(organizations).order_by(organizations.c.created_at, organizations.c.id)
        with refusing_outages(), self._engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [Organization(**{**row, "mode": Mode(row["mode"])}) for row in rows]

    def clock_of(self, organization_id: str) -> datetime | None:
        """Where the organization's test clock stands. That one is live is asked once."""
        if organization_id in self._live:
            return None
        row = organizations.c
        query = sa.select(row.mode, row.clock_at).where(row.id == organization_id)
        with refusing_outages(), self._engine.connect() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            return None
        if found.mode == Mode.LIVE:
            self._live.add(organization_id)
        clock_at: datetime | None = found.clock_at
        return clock_at

    def set_clock(self, organization_id: str, at: datetime) -> None:
        """Set a test organization's clock, never back: of two who set it, the later time stays."""
        row = organizations.c
        statement = (
            organizations.update()
            .where(row.id == organization_id)
            .values(clock_at=sa.func.greatest(row.clock_at, at))
        )
        with refusing_outages(), self._engine.begin() as connection:
            connection.execute(statement)

    def add_key(self, key: ApiKey) -> None:
        with refusing_outages(), self._engine.begin() as connection:
            connection.execute(
                api_keys.insert().values(
                    id=key.id,
                    organization_id=key.organization_id,
                    name=key.name,
                    prefix=key.prefix,
                    secret_sha256=key.secret_sha256,
                    scopes=sorted(key.scopes),
                    created_at=key.created_at,
                    revoked_at=key.revoked_at,
                )
            )

    def find_key(self, secret_sha256: bytes) -> ApiKey | None:
        """The key of that digest, revoked or not; a valid one is remembered."""
        generation = self._generation
        query = sa.select(api_keys).where(api_keys.c.secret_sha256 == secret_sha256)
        with refusing_outages(), self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        key = _key(row) if row else None
        if key is not None and key.revoked_at is None:
            self._remember(key, generation)
        return key

    def recent_key(self, secret_sha256: bytes) -> ApiKey | None:
        """A valid key found within `MEMORY_SECONDS`, from memory."""
        seen = self._recent.get(secret_sha256)
        if seen is None or seen[0] < time.monotonic():
            return None
        return seen[1]

    def keys_of(self, organization_id: str) -> list[ApiKey]:
        """The organization's keys, the oldest first."""
        query = (
            sa.select(api_keys)
            .where(api_keys.c.organization_id == organization_id)
            .order_by(api_keys.c.created_at, api_keys.c.id)
        )
        with refusing_outages(), self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(query).mappings()]

    def revoke_key(self, organization_id: str, key_id: str, *, at: datetime) -> bool:
        """Stamp the key revoked, once. Answers whether the organization has such a key."""
        statement = (
            api_keys.update()
            .where(api_keys.c.organization_id == organization_id, api_keys.c.id == key_id)
            .values(revoked_at=sa.func.coalesce(api_keys.c.revoked_at, at))
            .returning(api_keys.c.secret_sha256)
        )
        with refusing_outages(), self._engine.begin() as connection:
            digest = connection.execute(statement).scalar_one_or_none()
        if digest is None:
            return False
        with self._lock:
            # A look-up that read the row before it was stamped must not remember it afterwards.
            self._generation += 1
            self._recent.pop(bytes(digest), None)
        return True

    def _remember(self, key: ApiKey, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._recent[key.secret_sha256] = (time.monotonic() + MEMORY_SECONDS, key)
            self._recent.move_to_end(key.secret_sha256)
            while len(self._recent) > _MEMORY_KEYS:
                self._recent.popitem(last=False)


def _key(row: sa.RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        organization_id=row["organization_id"],
        name=row["name"],
        prefix=row["prefix"],
        secret_sha256=bytes(row["secret_sha256"]),
        scopes=frozenset(Scope(scope) for scope in row["scopes"]),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
