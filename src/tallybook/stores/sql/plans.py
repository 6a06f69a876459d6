"""Plan versions in PostgreSQL, added and never changed but to be retired; and drafts of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert

from tallybook.domain.catalog.coupon import Stacking
from tallybook.domain.catalog.draft import PlanDraft
from tallybook.domain.catalog.feature import Grant
from tallybook.domain.catalog.overrides import PREFIX, KeptOverrides, overridden
from tallybook.domain.catalog.plan import Interval, PlanTerms, PlanVersion, version_id_of
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.shared_allowance import SharedAllowance
from tallybook.domain.catalog.spending import Commitment, SpendLimit
from tallybook.stores.sql.database import Document, Instant, metadata
from tallybook.stores.sql.overrides import add_overrides, overrides_by_ids

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
    sa.Column(
        "currencies", Document(tuple[str, ...]), nullable=False, server_default=sa.text("'[]'")
    ),
    sa.Column(
        "grants", Document(tuple[Grant, ...]), nullable=False, server_default=sa.text("'[]'")
    ),
    *(
        sa.Column(name, Document(kind), nullable=False, server_default=sa.text("'[]'"))
        for name, kind in (
            ("shared_allowances", tuple[SharedAllowance, ...]),
            ("commitments", tuple[Commitment, ...]),
            ("spend_limits", tuple[SpendLimit, ...]),
        )
    ),
    sa.Column("coupon_order", sa.Text, nullable=False, server_default=Stacking.AS_LISTED.value),
    sa.Column("retired_at", Instant),
    sa.UniqueConstraint("organization_id", "plan_key", "version"),
)
"""A trigger refuses every change but of `retired_at`."""

OF_CUSTOMER = """'[{"whose": "customer"}]'::jsonb"""


def counts_customer() -> sa.TextClause:
    """Whether a version has a limit on all that a customer spends; there is an index of those."""
    return sa.text(f"plan_versions.spend_limits @> {OF_CUSTOMER}")


sa.Index(
    "plan_versions_of_customer_idx",
    PLAN_VERSIONS.c.organization_id,
    PLAN_VERSIONS.c.id,
    postgresql_where=sa.text(f"spend_limits @> {OF_CUSTOMER}"),
)

DRAFTS = sa.Table(
    "plan_drafts",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("plan_key", sa.Text, primary_key=True),
    sa.Column("terms", Document(PlanTerms), nullable=False),
    sa.Column("based_on", sa.Integer),
    sa.Column("saved_at", Instant, nullable=False),
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

    def sells(self, price_key: str) -> bool:
        """Whether any version of a plan has a price of that key."""
        named = sa.type_coerce(_ROW.prices, JSONB).contains([{"key": price_key}])
        is_there = sa.select(_ROW.id).where(_ROW.organization_id == self._organization_id, named)
        return bool(self._connection.execute(sa.select(is_there.exists())).scalar_one())

    def latest(self, plan_key: str) -> PlanVersion | None:
        """The last version published of a plan."""
        query = self._of_plan(plan_key).order_by(_ROW.version.desc()).limit(1)
        return next(self._versions(query), None)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, PlanVersion]:
        """Those of `ids` that exist, by id: in the one currency, with the overrides it says."""
        named = list(dict.fromkeys(ids))
        contracts = [each for each in named if each.startswith(PREFIX)]
        if not contracts:
            return self._published(named)
        kept = overrides_by_ids(self._connection, self._organization_id, contracts)
        plain = [each for each in named if each not in kept]
        found = self._published([*plain, *(each.base_id for each in kept.values())])
        negotiated = {
            each.id: overridden(found[each.base_id], each)
            for each in kept.values()
            if each.base_id in found
        }
        return {each: found[each] for each in plain if each in found} | negotiated

    def add_overrides(self, kept: KeptOverrides) -> None:
        """Keep what a contract says otherwise than a version; the same is there once."""
        add_overrides(self._connection, self._organization_id, kept)

    def _published(self, ids: Iterable[str]) -> dict[str, PlanVersion]:
        asked = {named: version_id_of(named) for named in ids}
        wanted = sa.bindparam(
            "ids", list({version_id for version_id, _ in asked.values()}), type_=sa.ARRAY(sa.Text)
        )
        query = self._select().where(_ROW.id == sa.func.any(wanted))
        found = {version.id: version for version in self._versions(query)}
        return {
            named: found[version_id].priced_in(currency)
            for named, (version_id, currency) in asked.items()
            if version_id in found
        }

    def latest_sold(self, plan_key: str) -> PlanVersion | None:
        """The last version published of a plan that is not retired."""
        query = self._of_plan(plan_key).where(_ROW.retired_at.is_(None))
        return next(self._versions(query.order_by(_ROW.version.desc()).limit(1)), None)

    def retire(self, version_id: str, at: datetime | None) -> None:
        """Say since when a version takes no new subscribers; None if it takes them."""
        self._connection.execute(
            sa.update(PLAN_VERSIONS)
            .where(_ROW.organization_id == self._organization_id, _ROW.id == version_id)
            .values(retired_at=at)
        )

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

    def save_draft(self, draft: PlanDraft) -> None:
        """Keep a draft, in place of the one there was."""
        row = {
            "organization_id": self._organization_id,
            "plan_key": draft.terms.plan_key,
            **msgspec.structs.asdict(draft),
        }
        added = insert(DRAFTS).values(row)
        self._connection.execute(
            added.on_conflict_do_update(
                index_elements=["organization_id", "plan_key"],
                set_={name: added.excluded[name] for name in ("terms", "based_on", "saved_at")},
            )
        )

    def draft(self, plan_key: str) -> PlanDraft | None:
        """The draft of a plan."""
        return next(self._drafts(self._select_drafts().where(DRAFTS.c.plan_key == plan_key)), None)

    def drafts(self, *, after: str, limit: int) -> list[PlanDraft]:
        """Drafts in order of plan key, those after key `after`."""
        query = self._select_drafts().where(DRAFTS.c.plan_key > after)
        return list(self._drafts(query.order_by(DRAFTS.c.plan_key).limit(limit)))

    def discard_draft(self, plan_key: str) -> None:
        """Forget the draft of a plan."""
        self._connection.execute(
            sa.delete(DRAFTS).where(
                DRAFTS.c.organization_id == self._organization_id, DRAFTS.c.plan_key == plan_key
            )
        )

    def _select_drafts(self) -> sa.Select[Any]:
        return sa.select(DRAFTS.c.terms, DRAFTS.c.based_on, DRAFTS.c.saved_at).where(
            DRAFTS.c.organization_id == self._organization_id
        )

    def _drafts(self, query: sa.Select[Any]) -> Iterator[PlanDraft]:
        for row in self._connection.execute(query):
            yield PlanDraft(**row._mapping)

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_FIELDS).where(_ROW.organization_id == self._organization_id)

    def _of_plan(self, plan_key: str) -> sa.Select[Any]:
        return self._select().where(_ROW.plan_key == plan_key)

    def _versions(self, query: sa.Select[Any]) -> Iterator[PlanVersion]:
        for row in self._connection.execute(query):
            fields = dict(row._mapping)
            yield PlanVersion(
                **fields
                | {
                    "interval": Interval(fields["interval"]),
                    "coupon_order": Stacking(fields["coupon_order"]),
                }
            )
