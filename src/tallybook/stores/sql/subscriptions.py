"""Subscriptions in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.changes import AnyWhat, Change, Proration
from tallybook.domain.subscriptions.proration import Counting
from tallybook.domain.subscriptions.subscription import Billed, Status, Subscription
from tallybook.domain.subscriptions.trial_watch import TrialWatch
from tallybook.stores.sql.customers import CUSTOMERS
from tallybook.stores.sql.database import Document, Instant, metadata
from tallybook.stores.sql.unnested import unnested

SUBSCRIPTIONS = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("plan_version_id", sa.Text, nullable=False),
    sa.Column("interval", sa.Text, nullable=False),
    sa.Column("interval_count", sa.Integer, nullable=False),
    sa.Column("alignment", sa.Text, nullable=False),
    sa.Column("boundary_time", sa.Text, nullable=False),
    sa.Column("anchor", Instant, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("starts_at", Instant, nullable=False),
    sa.Column("ends_at", Instant),
    sa.Column("period_starts", Instant, nullable=False),
    sa.Column("period_ends", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column(
        "quantities", Document(dict[str, Decimal]), nullable=False, server_default=sa.text("'{}'")
    ),
    sa.Column("is_trial", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("counting", sa.Text, nullable=False, server_default=Counting.BY_DAY.value),
    sa.Column("change_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("billed", Document(Billed | None)),
    sa.Column("trial_watch", Document(TrialWatch | None)),
    sa.Column("customer_key", sa.Text, nullable=False),
    sa.Column(
        "due_at",
        Instant,
        sa.Computed(
            "CASE WHEN status = 'scheduled' THEN period_starts ELSE period_ends END",
            persisted=True,
        ),
    ),
    sa.ForeignKeyConstraint(
        ["organization_id", "customer_id"], ["customers.organization_id", "customers.id"]
    ),
    sa.UniqueConstraint("organization_id", "key"),
)
_ROW = SUBSCRIPTIONS.c

CHANGES = sa.Table(
    "subscription_changes",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("effective_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("what", Document(AnyWhat), nullable=False),
    sa.Column("proration", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["organization_id", "subscription_id"],
        ["subscriptions.organization_id", "subscriptions.id"],
        name="subscription_changes_subscription_fkey",
    ),
)
"""Added and never altered: a trigger sees to that."""
_OPEN = _ROW.status != sa.literal_column(f"'{Status.ENDED.value}'")

sa.Index("subscriptions_customer_id_idx", _ROW.organization_id, _ROW.customer_id)
sa.Index(
    "subscriptions_due_at_idx",
    _ROW.organization_id,
    _ROW.due_at,
    postgresql_where=_OPEN,
)
_IS_WATCHED = sa.func.jsonb_typeof(_ROW.trial_watch) == sa.literal_column("'object'")
sa.Index("subscriptions_trial_watch_idx", _ROW.organization_id, postgresql_where=_IS_WATCHED)

sa.Index(
    "subscriptions_customer_key_idx",
    _ROW.organization_id,
    _ROW.customer_key,
    _ROW.id,
    postgresql_where=_OPEN,
)

_COLUMNS = [
    column
    for column in _ROW
    if column not in {_ROW.organization_id, _ROW.due_at, _ROW.customer_key}
]
_NAMES = [str(column.name) for column in _COLUMNS]
_MOVING = [
    column
    for column in _COLUMNS
    if column
    not in {
        _ROW.id,
        _ROW.key,
        _ROW.customer_id,
        _ROW.created_at,
        _ROW.quantities,
        _ROW.is_trial,
        _ROW.counting,
    }
]
"""What a subscription's own life changes. Its name, whose it is, what was agreed never change."""


class SqlSubscriptions:
    """Subscriptions of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def add(self, subscription: Subscription) -> None:
        """Keep a new subscription; `Conflicting` if its key is taken."""
        self.add_many([subscription])

    def add_many(self, subscriptions: Sequence[Subscription]) -> None:
        """Keep new subscriptions, all of them or, where a key is taken, none: `Conflicting`."""
        if not subscriptions:
            return
        rows = unnested([_ROW.organization_id, *_COLUMNS], self._rows(subscriptions))
        names = ["organization_id", *_NAMES]
        customer_key = (
            sa.select(CUSTOMERS.c.key)
            .where(
                CUSTOMERS.c.organization_id == rows.c.organization_id,
                CUSTOMERS.c.id == rows.c.customer_id,
            )
            .scalar_subquery()
        )
        chosen = sa.select(*(rows.c[name] for name in names), customer_key)
        added = self._connection.execute(
            insert(SUBSCRIPTIONS)
            .from_select([*names, "customer_key"], chosen)
            .on_conflict_do_nothing(),
            execution_options={"preserve_rowcount": True},
        )
        if added.rowcount != len(subscriptions):
            named = subscriptions[0].key if len(subscriptions) == 1 else "one of these keys"
            raise Conflicting(
                "subscription_exists",
                f"There is a subscription {named!r} already.",
                field="key",
                mend="Choose another key, or change the subscription that has it.",
            )

    def replace_many(self, subscriptions: Sequence[Subscription]) -> None:
        """Write the subscriptions of those ids as they are now, by one statement."""
        if not subscriptions:
            return
        rows = unnested([_ROW.id, *_MOVING], self._rows(subscriptions))
        self._connection.execute(
            sa.update(SUBSCRIPTIONS)
            .where(_ROW.organization_id == self._organization_id, _ROW.id == rows.c.id)
            .values({column: rows.c[column.name] for column in _MOVING})
        )

    def add_changes(self, subscription_id: str, changes: Sequence[Change]) -> None:
        """Record changes of a subscription that the transaction holds locked."""
        if not changes:
            return
        rows = [
            {
                "organization_id": self._organization_id,
                "subscription_id": subscription_id,
                **{name: getattr(change, name) for name in Change.__struct_fields__},
            }
            for change in changes
        ]
        self._connection.execute(sa.insert(CHANGES), rows)

    def add_changes_of(self, changes: Mapping[str, Sequence[Change]]) -> None:
        """As `add_changes`, of many subscriptions by their ids, by one statement."""
        rows = [
            {
                "organization_id": self._organization_id,
                "subscription_id": subscription_id,
                **{name: getattr(change, name) for name in Change.__struct_fields__},
            }
            for subscription_id, added in changes.items()
            for change in added
        ]
        if not rows:
            return
        columns = list(CHANGES.c)
        incoming = unnested(columns, rows)
        self._connection.execute(
            sa.insert(CHANGES).from_select(
                [column.name for column in columns],
                sa.select(*(incoming.c[column.name] for column in columns)),
            )
        )

    def changes_of(self, ids: Iterable[str]) -> Mapping[str, tuple[Change, ...]]:
        """The changes of these subscriptions, in order of recording, by one query; none, no key."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = (
            sa.select(CHANGES)
            .where(
                CHANGES.c.organization_id == self._organization_id,
                CHANGES.c.subscription_id == sa.func.any(wanted),
            )
            .order_by(CHANGES.c.subscription_id, CHANGES.c.number)
        )
        found: dict[str, list[Change]] = defaultdict(list)
        for row in self._connection.execute(query):
            found[row.subscription_id].append(
                Change(
                    number=row.number,
                    effective_at=row.effective_at,
                    recorded_at=row.recorded_at,
                    what=row.what,
                    proration=Proration(row.proration),
                )
            )
        return {subscription_id: tuple(changes) for subscription_id, changes in found.items()}

    def by_key(self, key: str, *, locked: bool = False) -> Subscription | None:
        """That of the key; `locked` holds others off it until the transaction ends."""
        query = self._select().where(_ROW.key == key)
        if locked:
            query = query.with_for_update()
        return next(self._subscriptions(query), None)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Subscription]:
        """Those of `ids` that exist, by id."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = self._select().where(_ROW.id == sa.func.any(wanted))
        return {subscription.id: subscription for subscription in self._subscriptions(query)}

    def locked(self, ids: Iterable[str]) -> Mapping[str, Subscription]:
        """As `by_ids`, others held off them until the transaction ends."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = self._select().where(_ROW.id == sa.func.any(wanted)).order_by(_ROW.id)
        found = self._subscriptions(query.with_for_update())
        return {subscription.id: subscription for subscription in found}

    def due(
        self,
        *,
        until: datetime,
        after: tuple[str, str],
        limit: int,
        customer_id: str | None = None,
    ) -> list[Subscription]:
        """Those to open or to close by `until`, in order of customer key and id, locked.

        Those of one customer, or of all that live on no clock of their own.
        `after` is the customer key and the id to go on from. Rows that another transaction is
        closing are skipped, not waited for. The order is that of the event store, so that the
        usage of a chunk lies close together there.
        """
        place = sa.tuple_(_ROW.customer_key, _ROW.id)
        query = (
            self._select()
            .where(
                _OPEN,
                _ROW.due_at <= until,
                place > sa.tuple_(*after),
                self._keeps_time(customer_id),
            )
            .order_by(_ROW.customer_key, _ROW.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(self._subscriptions(query))

    def watched(
        self, *, after: str, limit: int, customer_id: str | None = None
    ) -> list[Subscription]:
        """Those whose trial is watched, in order of id, those after id `after`, locked.

        Those of one customer, or of all that live on no clock of their own.
        """
        query = (
            self._select()
            .where(_IS_WATCHED, _OPEN, _ROW.id > after, self._keeps_time(customer_id))
            .order_by(_ROW.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(self._subscriptions(query))

    def next_due_at(self, *, after: datetime, customer_id: str | None = None) -> datetime | None:
        """When, later than `after`, the next is to be opened or closed; None if none ever is."""
        query = sa.select(sa.func.min(_ROW.due_at)).where(
            _ROW.organization_id == self._organization_id,
            _OPEN,
            _ROW.due_at > after,
            self._keeps_time(customer_id),
        )
        found: datetime | None = self._connection.execute(query).scalar_one()
        return found

    def of_customer(self, customer_id: str) -> list[Subscription]:
        """All that a customer has or had, in order of their start."""
        query = self._select().where(_ROW.customer_id == customer_id)
        return list(self._subscriptions(query.order_by(_ROW.starts_at, _ROW.key)))

    def of_customers(self, customer_ids: Iterable[str]) -> list[Subscription]:
        """All that these customers have or had, by one query."""
        wanted = sa.bindparam("customers", list(customer_ids), type_=sa.ARRAY(sa.Text))
        return list(
            self._subscriptions(self._select().where(_ROW.customer_id == sa.func.any(wanted)))
        )

    def page(self, *, after: str, limit: int, customer_id: str | None = None) -> list[Subscription]:
        """Subscriptions in key order, those after key `after`."""
        query = self._select().where(_ROW.key > after)
        if customer_id is not None:
            query = query.where(_ROW.customer_id == customer_id)
        return list(self._subscriptions(query.order_by(_ROW.key).limit(limit)))

    def _keeps_time(self, customer_id: str | None) -> sa.ColumnElement[bool]:
        """Whether it is the customer's; without one, of any that lives on no clock of its own."""
        if customer_id is not None:
            return _ROW.customer_id == customer_id
        clocked = sa.select(CUSTOMERS.c.id).where(
            CUSTOMERS.c.organization_id == self._organization_id, CUSTOMERS.c.clock_at.is_not(None)
        )
        return _ROW.customer_id.not_in(clocked)

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_COLUMNS).where(_ROW.organization_id == self._organization_id)

    def _subscriptions(self, query: sa.Select[Any]) -> Iterator[Subscription]:
        for row in self._connection.execute(query):
            fields = dict(zip(_NAMES, row, strict=True))
            fields["period"] = Span(fields.pop("period_starts"), fields.pop("period_ends"))
            yield msgspec.convert(fields, Subscription)

    def _rows(self, subscriptions: Sequence[Subscription]) -> list[dict[str, Any]]:
        rows = []
        for subscription in subscriptions:
            row = msgspec.to_builtins(subscription, builtin_types=(datetime,))
            period = row.pop("period")
            row["period_starts"], row["period_ends"] = period["starts"], period["ends"]
            row["organization_id"] = self._organization_id
            rows.append(row)
        return rows
