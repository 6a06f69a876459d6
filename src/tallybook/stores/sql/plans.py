"""Plan versions in PostgreSQL. Rows are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from tallybook.domain.catalog.plan import Interval, PlanVersion
from tallybook.domain.catalog.price import Price
from tallybook.stores.sql.database import Document, Instant, metadata

PLAN_VERSIONS = sa.Table(
    "plan_versions",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("plan_key", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("interval", sa.Text, nullable=False),
    sa.Column("interval_count", sa.Integer, nullable=False),
    sa.Column("prices", Document(tuple[Price, ...]), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("organization_id", "plan_key", "version"),
)

_ROW = PLAN_VERSIONS.c
_FIELDS = [_ROW[field] for field in PlanVersion.__struct_fields__]


class SqlPlans:
    """Plan versions of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def lock(self, plan_key: str) -> None:
        """Hold others off publishing this plan until the transaction ends."""
        name = f"plan/{self._organization_id}/{plan_key}"
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))
        self._connection.execute(sa.select(lock))

    def add(self, version: PlanVersion) -> None:
        """Keep a new version. It has an id and a number that no version has yet."""
        row = msgspec.structs.asdict(version) | {"organization_id": self._organization_id}
        self._connection.execute(sa.insert(PLAN_VERSIONS), row)

    def latest(self, plan_key: str) -> PlanVersion | None:
        """The last version published of a plan."""
        query = self._of_plan(plan_key).order_by(_ROW.version.desc()).limit(1)
        return next(self._versions(query), None)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, PlanVersion]:
        """Those of `ids` that exist, by id."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = self._select().where(_ROW.id == sa.func.any(wanted))
        return {version.id: version for version in self._versions(query)}

    def version(self, plan_key: str, number: int) -> PlanVersion | None:
        """One version of a plan by its number."""
        return next(self._versions(self._of_plan(plan_key).where(_ROW.version == number)), None)

    def versions(self, plan_key: str) -> list[PlanVersion]:
        """Every version of a plan, the first one first."""
        return list(self._versions(self._of_plan(plan_key).order_by(_ROW.version)))

    def page(self, *, after: str, limit: int) -> list[PlanVersion]:
        """The latest version of each plan, in order of plan key, those after key `after`."""
        query = (
            self._select()
            .ext(distinct_on(_ROW.plan_key))
            .where(_ROW.plan_key > after)
            .order_by(_ROW.plan_key, _ROW.version.desc())
            .limit(limit)
        )
        return list(self._versions(query))

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_FIELDS).where(_ROW.organization_id == self._organization_id)

    def _of_plan(self, plan_key: str) -> sa.Select[Any]:
        return self._select().where(_ROW.plan_key == plan_key)

    def _versions(self, query: sa.Select[Any]) -> Iterator[PlanVersion]:
        for row in self._connection.execute(query):
            fields = dict(row._mapping)
            yield PlanVersion(**fields | {"interval": Interval(fields["interval"])})
