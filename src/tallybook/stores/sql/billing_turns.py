"""Whose turn it is to bill a customer who has a limit on all that it spends.

What one bill counts is what others were billed for before it: so one transaction at a time draws up
bills of such a customer, whichever of its subscriptions they are for, and they are in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from tallybook.stores.sql.database import metadata
from tallybook.stores.sql.overrides import PLAN_OVERRIDES, counts_customer_otherwise
from tallybook.stores.sql.plans import PLAN_VERSIONS, counts_customer
from tallybook.stores.sql.subscriptions import CHANGES, SUBSCRIPTIONS

BILLING_TURNS = sa.Table(
    "billing_turns",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
)
"""The last turn of each. Nothing else locks these rows: who waits for one holds up nobody else."""
_ROW = BILLING_TURNS.c


class SqlTurns:
    """Turns of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def take(self, customer_ids: Iterable[str]) -> Mapping[str, int]:
        """The turns of those of these customers who have, or had, a limit on all that they spend.

        Others are held off them until the transaction ends. By customer id, each greater than any
        before. Two queries where no plan has such a limit.
        """
        self._hold(sa.func.pg_advisory_xact_lock_shared)
        counting = self._versions()
        if not counting:
            return {}
        ids = sorted(self._counted(customer_ids, counting))  # in one order: nobody embraces
        if not ids:
            return {}
        each = sa.func.unnest(_texts("ids", ids))
        named = each.table_valued("id", with_ordinality="place").render_derived()
        added = insert(BILLING_TURNS).from_select(
            ["organization_id", "customer_id", "last"],
            sa.select(sa.literal(self._organization_id), named.c.id, sa.literal(1)).order_by(
                named.c.place
            ),
        )
        query = added.on_conflict_do_update(
            index_elements=[_ROW.organization_id, _ROW.customer_id], set_={"last": _ROW.last + 1}
        ).returning(_ROW.customer_id, _ROW.last)
        return {row.customer_id: int(row.last) for row in self._connection.execute(query)}

    def agree(self, plan_keys: Iterable[str], *, otherwise: bool = False) -> None:
        """Wait for all bills under way, and hold off others until the transaction ends, where one
        of these plans has a limit on all that a customer spends, or `otherwise` says that one does.

        A bill that was begun when nobody knew of the limit took no turn. Whoever meets the limit
        must see it.
        """
        row = PLAN_VERSIONS.c
        is_there = (
            sa.select(row.id)
            .where(
                row.organization_id == self._organization_id,
                counts_customer(),
                row.plan_key == sa.func.any(_texts("plans", list(plan_keys))),
            )
            .exists()
        )
        if otherwise or self._connection.execute(sa.select(is_there)).scalar_one():
            self._hold(sa.func.pg_advisory_xact_lock)

    def _hold(self, lock: Callable[..., sa.ColumnElement[Any]]) -> None:
        """One lock of the organization: shared by who bills, alone for who agrees on a limit."""
        name = f"billing/{self._organization_id}"
        self._connection.execute(sa.select(lock(sa.func.hashtextextended(name, 0))))

    def _versions(self) -> list[str]:
        """Ids of plan versions that count all that a customer has; those of overrides too."""
        plan, agreed = PLAN_VERSIONS.c, PLAN_OVERRIDES.c
        ours = self._organization_id
        plans = sa.select(plan.id).where(plan.organization_id == ours, counts_customer())
        agreed_so = sa.select(agreed.id).where(
            agreed.organization_id == ours, counts_customer_otherwise()
        )
        found = list(self._connection.execute(plans.union_all(agreed_so)).scalars())
        over = sa.select(agreed.id).where(
            agreed.organization_id == ours,
            _version_id(agreed.base_id).op("=")(sa.func.any(_texts("bases", found))),
            ~sa.type_coerce(agreed.overrides, JSONB).has_key("spend_limits"),
        )
        return [*found, *self._connection.execute(over).scalars()] if found else []

    def _counted(self, customer_ids: Iterable[str], versions: list[str]) -> list[str]:
        """Those of the customers with a subscription that was ever to one of these versions."""
        own, changed = SUBSCRIPTIONS.c, CHANGES.c
        wanted = sa.func.any(_texts("versions", versions))
        went_to = changed.what["plan_version_id"].astext
        is_changed = (
            sa.select(changed.number)
            .where(
                changed.organization_id == own.organization_id,
                changed.subscription_id == own.id,
                _version_id(went_to).op("=")(wanted),
            )
            .exists()
        )
        query = (
            sa.select(own.customer_id)
            .distinct()
            .where(
                own.organization_id == self._organization_id,
                own.customer_id == sa.func.any(_texts("customers", list(customer_ids))),
                sa.or_(_version_id(own.plan_version_id).op("=")(wanted), is_changed),
            )
        )
        return list(self._connection.execute(query).scalars())


def _version_id(priced_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The id of a version without the currency that it may say."""
    return sa.func.split_part(priced_id, ".", 1)


def _texts(name: str, texts: list[str]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, texts, type_=sa.ARRAY(sa.Text))
