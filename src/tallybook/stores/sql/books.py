"""The database of records: one transaction of one organization, with every room's records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import sqlalchemy as sa

from tallybook.domain.catalog.feature import Feature
from tallybook.domain.catalog.product import Family, Product
from tallybook.domain.catalog.unit import Unit
from tallybook.stores.sql.billing_turns import SqlTurns
from tallybook.stores.sql.change_orders import SqlChangeOrders
from tallybook.stores.sql.coupons import SqlCoupons
from tallybook.stores.sql.customers import SqlCustomers
from tallybook.stores.sql.database import refusing_outages
from tallybook.stores.sql.earlier_lines import SqlEarlierLines
from tallybook.stores.sql.event_counts import EVENT_COUNTS  # noqa: F401 - a table of its own
from tallybook.stores.sql.event_types import SqlEventTypes
from tallybook.stores.sql.invoice_links import SqlInvoiceLinks
from tallybook.stores.sql.invoices import SqlInvoices
from tallybook.stores.sql.meters import SqlMeters
from tallybook.stores.sql.named import SqlNamed
from tallybook.stores.sql.plan_migrations import SqlPlanMigrations
from tallybook.stores.sql.plans import SqlPlans
from tallybook.stores.sql.products import (
    FAMILIES,
    FEATURES,
    PRODUCTS,
    UNITS,
    SqlExperiments,
)
from tallybook.stores.sql.quarantine import SqlQuarantine
from tallybook.stores.sql.restatements import SqlRestatements
from tallybook.stores.sql.subscriptions import SqlSubscriptions


class SqlRecords:
    """The `Records` port over one connection, inside its transaction."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self.connection = connection
        self.organization_id = organization_id

    @cached_property
    def customers(self) -> SqlCustomers:
        return SqlCustomers(self.connection, self.organization_id)

    @cached_property
    def meters(self) -> SqlMeters:
        return SqlMeters(self.connection, self.organization_id)

    @cached_property
    def plans(self) -> SqlPlans:
        return SqlPlans(self.connection, self.organization_id)

    @cached_property
    def products(self) -> SqlNamed[Product]:
        return SqlNamed(self.connection, self.organization_id, PRODUCTS)

    @cached_property
    def features(self) -> SqlNamed[Feature]:
        return SqlNamed(self.connection, self.organization_id, FEATURES)

    @cached_property
    def units(self) -> SqlNamed[Unit]:
        return SqlNamed(self.connection, self.organization_id, UNITS)

    @cached_property
    def families(self) -> SqlNamed[Family]:
        return SqlNamed(self.connection, self.organization_id, FAMILIES)

    @cached_property
    def experiments(self) -> SqlExperiments:
        return SqlExperiments(self.connection, self.organization_id)

    @cached_property
    def plan_migrations(self) -> SqlPlanMigrations:
        return SqlPlanMigrations(self.connection, self.organization_id)

    @cached_property
    def coupons(self) -> SqlCoupons:
        return SqlCoupons(self.connection, self.organization_id)

    @cached_property
    def earlier_lines(self) -> SqlEarlierLines:
        return SqlEarlierLines(self.connection, self.organization_id)

    @cached_property
    def turns(self) -> SqlTurns:
        return SqlTurns(self.connection, self.organization_id)

    @cached_property
    def subscriptions(self) -> SqlSubscriptions:
        return SqlSubscriptions(self.connection, self.organization_id)

    @cached_property
    def change_orders(self) -> SqlChangeOrders:
        return SqlChangeOrders(self.connection, self.organization_id)

    @cached_property
    def invoices(self) -> SqlInvoices:
        return SqlInvoices(self.connection, self.organization_id)

    @cached_property
    def invoice_links(self) -> SqlInvoiceLinks:
        return SqlInvoiceLinks(self.connection, self.organization_id)

    @cached_property
    def restatements(self) -> SqlRestatements:
        return SqlRestatements(self.connection, self.organization_id)

    @cached_property
    def event_types(self) -> SqlEventTypes:
        return SqlEventTypes(self.connection, self.organization_id)

    @cached_property
    def quarantine(self) -> SqlQuarantine:
        return SqlQuarantine(self.connection, self.organization_id)


class SqlBooks:
    """The `Books` port."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def begin(self, organization_id: str) -> Iterator[SqlRecords]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        with refusing_outages(), self._engine.begin() as connection:
            yield SqlRecords(connection, organization_id)
