"""What services need of the world, and the one value that carries it to them.

Doors hand a `Wiring` to every service; `bootstrap` makes it. Records live in PostgreSQL and are
reached inside one transaction of one organization; events live in ClickHouse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tallybook.domain.catalog.draft import PlanDraft
from tallybook.domain.catalog.feature import Feature
from tallybook.domain.catalog.overrides import KeptOverrides
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.product import Family, Product
from tallybook.domain.catalog.unit import Unit
from tallybook.domain.customers.customer import Customer
from tallybook.domain.customers.organization import ApiKey, Organization
from tallybook.domain.events.event import EventQuery, SentEvent, StoredEvent, Verdict
from tallybook.domain.invoicing.invoice import (
    Invoice,
    InvoiceHeader,
    InvoiceStatus,
    LineItem,
)
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Meter, Together, Usage, UsageQuery
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.orders import MadeOrder
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.catalog_ports import (
    ExperimentRecords,
    NamedRecords,
    PlanMigrationRecords,
)
from tallybook.services.condition_ports import CouponRecords, EarlierLineRecords, TurnRecords
from tallybook.services.correction_ports import CorrectionStore
from tallybook.services.event_ports import (
    EventCounts,
    EventRules,
    EventTypeRecords,
    QuarantineRecords,
    Traffic,
    Workers,
)
from tallybook.services.link_ports import InvoiceLinkRecords
from tallybook.services.restatement_ports import LateEvents, RestatementRecords


class CustomerRecords(Protocol):
    """Customers of the transaction's organization, found by key or id."""

    def add(self, customer: Customer) -> None:
        """Keep a new customer; `Conflicting` if its key is taken."""

    def replace(self, customer: Customer) -> None: ...
    def by_key(self, key: str, *, locked: bool = False) -> Customer | None:
        """`locked` holds others off it until the transaction ends."""

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Customer]: ...
    def there(self, keys: Iterable[str]) -> set[str]:
        """Those of these keys that are a customer's, by one query."""

    def family(self, keys: Iterable[str]) -> list[Customer]:
        """The descendants of these customers, at any depth, in key order, by one query."""

    def pools(self, keys: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Whose usage counts at each of these customers beside its own, by key; none, no key."""

    def collectors(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose customers have a child that is invoiced with them."""

    def payers(self, keys: Iterable[str]) -> Mapping[str, Customer]:
        """Who is invoiced for each of these customers, by key; for others than themselves."""

    def page(self, *, after: str, limit: int) -> list[Customer]:
        """Customers in key order, those after key `after`."""


class MeterRecords(Protocol):
    """Meters of the transaction's organization; by key, always the latest version."""

    def add(self, meter: Meter) -> None:
        """Keep a new version; `Conflicting` if its key has that one."""

    def by_key(self, key: str) -> Meter | None: ...
    def by_id(self, meter_id: str) -> Meter | None: ...
    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Meter]: ...
    def by_keys(self, keys: Iterable[str]) -> Mapping[str, Meter]: ...
    def versions(self, key: str) -> list[Meter]:
        """Every version of the meter of that key, the first one first."""

    def page(self, *, after: str, limit: int) -> list[Meter]:
        """Meters in key order, those after key `after`."""


class PlanRecords(Protocol):
    """Plan versions of the transaction's organization."""

    def lock(self, plan_key: str) -> None:
        """Hold others off publishing this plan until the transaction ends."""

    def add(self, version: PlanVersion) -> None: ...
    def sells(self, price_key: str) -> bool:
        """Whether any version of a plan has a price of that key."""

    def latest(self, plan_key: str) -> PlanVersion | None: ...
    def latest_sold(self, plan_key: str) -> PlanVersion | None:
        """The latest that is not retired."""

    def retire(self, version_id: str, at: datetime | None) -> None: ...
    def by_ids(self, ids: Iterable[str]) -> Mapping[str, PlanVersion]:
        """As subscriptions have them: each in the one currency that its id says."""

    def add_overrides(self, kept: KeptOverrides) -> None:
        """Keep what a contract says otherwise than a version; the same is there once."""

    def version(self, plan_key: str, number: int) -> PlanVersion | None: ...
    def versions(self, plan_key: str) -> list[PlanVersion]: ...
    def page(self, *, after: str, limit: int) -> list[PlanVersion]:
        """The latest version of each plan, in order of plan key."""

    def save_draft(self, draft: PlanDraft) -> None: ...
    def draft(self, plan_key: str) -> PlanDraft | None: ...
    def drafts(self, *, after: str, limit: int) -> list[PlanDraft]: ...
    def discard_draft(self, plan_key: str) -> None: ...


class SubscriptionRecords(Protocol):
    """Subscriptions of the transaction's organization."""

    def add(self, subscription: Subscription) -> None: ...
    def add_many(self, subscriptions: Sequence[Subscription]) -> None: ...
    def replace_many(self, subscriptions: Sequence[Subscription]) -> None: ...
    def add_changes(self, subscription_id: str, changes: Sequence[Change]) -> None:
        """Record changes of a subscription that the transaction holds locked."""

    def add_changes_of(self, changes: Mapping[str, Sequence[Change]]) -> None:
        """As `add_changes`, of many by their ids, by one statement."""

    def changes_of(self, ids: Iterable[str]) -> Mapping[str, tuple[Change, ...]]:
        """The changes of these subscriptions, in order of recording, by one query."""

    def by_key(self, key: str, *, locked: bool = False) -> Subscription | None:
        """`locked` holds others off it until the transaction ends."""

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Subscription]: ...
    def locked(self, ids: Iterable[str]) -> Mapping[str, Subscription]:
        """As `by_ids`, others held off them until the transaction ends."""

    def due(
        self,
        *,
        until: datetime,
        after: tuple[str, str],
        limit: int,
        customer_id: str | None = None,
    ) -> list[Subscription]:
        """Those to open or to close by `until`, in order of customer key and id, locked.

        `after` is the customer key and the id to go on from. Rows that another transaction is
        closing are skipped, not waited for. Here and below: those of one customer, or of all that
        live on no clock of their own.
        """

    def watched(
        self, *, after: str, limit: int, customer_id: str | None = None
    ) -> list[Subscription]:
        """Those whose trial is watched, in order of id, those after id `after`, locked."""

    def next_due_at(self, *, after: datetime, customer_id: str | None = None) -> datetime | None:
        """When, later than `after`, the next is to be opened or closed; None if none ever is."""

    def of_customer(self, customer_id: str) -> list[Subscription]: ...
    def of_customers(self, customer_ids: Iterable[str]) -> list[Subscription]: ...
    def page(
        self, *, after: str, limit: int, customer_id: str | None = None
    ) -> list[Subscription]: ...


class ChangeOrderRecords(Protocol):
    """Orders of changes with a key that were made, of the transaction's organization."""

    def add(self, subscription_id: str, made: MadeOrder) -> None:
        """Keep what was made of a subscription that the transaction holds locked."""

    def by_key(self, subscription_id: str, key: str) -> MadeOrder | None: ...


class InvoiceRecords(Protocol):
    """Invoices of the transaction's organization."""

    def add_many(self, invoices: Sequence[Invoice]) -> set[str]:
        """Keep drafts; one whose period has one is left as it is. Answers the ids of the new."""

    def redraw(self, invoice: Invoice) -> bool:
        """Replace a draft's lines, total and as-of by these; False if it is none any more."""

    def drafts(self, *, until: datetime, limit: int) -> list[str]:
        """Ids of drafts whose period ended by `until`, the oldest first, locked.

        Those that another transaction is finalizing are skipped, not waited for.
        """

    def finalize_many(self, invoice_ids: Sequence[str], *, at: datetime) -> int:
        """Number drafts without a gap, in the order given, and freeze them; answers how many.

        What is no draft is left as it is.
        """

    def by_id(self, invoice_id: str) -> Invoice | None:
        """By id or by number."""

    def of_collective(self, collective_id: str) -> list[Invoice]:
        """The parts of a collective invoice with their lines, by two queries."""

    def collective_ids(self, *, after: str, limit: int, customer_id: str | None) -> list[str]:
        """Ids of collective invoices in order, those after id `after`; of one payer, if named."""

    def collective_id_of(self, number: str) -> str | None:
        """The id of the collective invoice of that number."""

    def line(self, invoice_id: str, number: int) -> LineItem | None: ...
    def page(
        self,
        *,
        after: str,
        limit: int,
        customer_id: str | None = None,
        subscription_id: str | None = None,
        status: InvoiceStatus | None = None,
    ) -> list[InvoiceHeader]:
        """Newest first, those after the invoice of id `after`, without their lines."""


class Records(Protocol):
    """One transaction of one organization. Nothing in it sees another organization's rows."""

    @property
    def organization_id(self) -> str: ...
    @property
    def customers(self) -> CustomerRecords: ...
    @property
    def meters(self) -> MeterRecords: ...
    @property
    def plans(self) -> PlanRecords: ...
    @property
    def products(self) -> NamedRecords[Product]: ...
    @property
    def features(self) -> NamedRecords[Feature]: ...
    @property
    def units(self) -> NamedRecords[Unit]: ...
    @property
    def families(self) -> NamedRecords[Family]: ...
    @property
    def experiments(self) -> ExperimentRecords: ...
    @property
    def plan_migrations(self) -> PlanMigrationRecords: ...
    @property
    def coupons(self) -> CouponRecords: ...
    @property
    def earlier_lines(self) -> EarlierLineRecords: ...
    @property
    def turns(self) -> TurnRecords: ...
    @property
    def subscriptions(self) -> SubscriptionRecords: ...
    @property
    def change_orders(self) -> ChangeOrderRecords: ...
    @property
    def invoices(self) -> InvoiceRecords: ...
    @property
    def invoice_links(self) -> InvoiceLinkRecords: ...
    @property
    def restatements(self) -> RestatementRecords: ...
    @property
    def event_types(self) -> EventTypeRecords: ...
    @property
    def quarantine(self) -> QuarantineRecords: ...


class Books(Protocol):
    """The database of records."""

    def begin(self, organization_id: str) -> AbstractContextManager[Records]:
        """A transaction: committed when the block ends, rolled back when it raises."""


class Directory(Protocol):
    """Organizations and their keys: what is asked before it is known who asks."""

    def add_organization(self, organization: Organization) -> None: ...
    def organizations(self) -> list[Organization]: ...
    def clock_of(self, organization_id: str) -> datetime | None:
        """Where the organization's test clock stands; None where it goes by the time."""

    def set_clock(self, organization_id: str, at: datetime) -> None:
        """Set a test organization's clock, never back."""

    def add_key(self, key: ApiKey) -> None: ...
    def find_key(self, secret_sha256: bytes) -> ApiKey | None: ...
    def recent_key(self, secret_sha256: bytes) -> ApiKey | None:
        """A valid key found not long ago, from memory. One revoked here is gone at once."""

    def keys_of(self, organization_id: str) -> list[ApiKey]: ...
    def revoke_key(self, organization_id: str, key_id: str, *, at: datetime) -> bool: ...


class CustomerSpan(Protocol):
    """Whose usage, over which time."""

    @property
    def customer(self) -> str: ...
    @property
    def span(self) -> Span: ...


@dataclass(frozen=True, slots=True)
class Inspection:
    """Of the events of a meter's type: how many count and how many do not, and some of each."""

    counted: int
    not_counted: int
    counted_events: list[StoredEvent]
    other_events: list[StoredEvent]


class UsageStore(Protocol):
    """Quantities, counted from the events up to a position."""

    def measure(self, organization_id: str, meter: Meter, query: UsageQuery) -> list[Usage]:
        """Usage by customer, then dimensions, then window. No row where nothing was counted."""

    def measure_together(
        self, organization_id: str, meter: Meter, query: UsageQuery, together: Together
    ) -> list[Usage]:
        """Usage of several customers, or of several values, counted as one's: as `measure`, but
        every aggregation is that of all their events."""

    def measure_spans(
        self,
        organization_id: str,
        meter: Meter,
        spans: Sequence[CustomerSpan],
        *,
        as_of: int,
        group_by: tuple[str, ...] = (),
    ) -> list[Usage]:
        """Usage of many customers, each over its own span, by one query to the event store."""

    def each_event(
        self,
        organization_id: str,
        meter: Meter,
        spans: Sequence[CustomerSpan],
        *,
        as_of: int,
        group_by: tuple[str, ...] = (),
        before: timedelta = timedelta(0),
    ) -> Mapping[tuple[str, Span], list[Usage]]:
        """Every event of many customers by itself, in order of time, by one query.

        By customer and the span it was asked for. A row's span is the event's instant. Those from
        `before` the span are there too, and are no evidence of it.
        """

    def customers(
        self, organization_id: str, meter: Meter, query: UsageQuery, *, after: str, limit: int
    ) -> list[str]:
        """Customers with events that may count, in key order, those after `after`."""

    def events_behind(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        *,
        after: str = "",
        limit: int = 100,
    ) -> tuple[list[StoredEvent], str]:
        """The very events that were counted, by time and position; and where to go on, or "".

        Their number and checksum are the evidence that `measure` answers for the same query.
        """

    def tally(self, organization_id: str, meter: Meter, *, through: int) -> bool:
        """Keep what the meter counts in the next stretch of the log, no further than `through`.

        Whether there was a stretch worth it. No figure depends on it, only how soon it is there.
        """

    def inspect(
        self, organization_id: str, meter: Meter, query: UsageQuery, *, limit: int
    ) -> Inspection:
        """How many events of the meter's type count and do not, and the last to arrive of each."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Why an event was not appended: a duplicate, a conflict in the field named, or a rule broken.

    `reason` and `mend` are in words, where the field alone does not say it, `code` for programs.
    """

    verdict: Verdict
    field: str = ""
    reason: str = ""
    mend: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of events appended together; those not in `exceptions` are in the log.

    `position` is an as-of that includes them. `exceptions` are by their number among those sent.
    """

    position: int
    exceptions: Mapping[int, NotTaken]


class EventLog(Protocol):
    """The log of events: append-only, each identity once, positions without a late-comer."""

    def position(self) -> int:
        """The as-of of now: no event will ever appear at or below it that is not there yet.

        Waits until readers find every event that has been acknowledged.
        """

    def acknowledged(self) -> int:
        """The last position that was told. Does not wait."""

    def append(
        self,
        organization_id: str,
        events: Sequence[SentEvent],
        texts: Sequence[bytes],
        *,
        received_at: datetime,
    ) -> Future[Appended]:
        """Take these events, `texts` being their canonical texts. At once with others'.

        When the future is done they are on disk, deduplicated and in every later query. It fails
        with `Unavailable` if that cannot be said of all: sent again, each still counts once.
        `Unavailable` at once when too much is waiting.
        """

    def find(
        self, organization_id: str, wanted: EventQuery, *, before: int | None, limit: int
    ) -> list[StoredEvent]:
        """Events, the last to arrive first, those at positions before `before` if one is given."""

    def close(self) -> None:
        """Take no more, and finish what is waiting."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """All that services are given. `now`, `new_id`, `new_secret`: the only time and chance.

    `now` is the time on the wall: of keys, sessions and arriving events. What an organization's
    books go by is `now_of` it.
    """

    books: Books
    directory: Directory
    event_log: EventLog
    usage: UsageStore
    corrections: CorrectionStore
    late_events: LateEvents
    event_rules: EventRules
    event_counts: EventCounts
    traffic: Traffic
    workers: Workers
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    new_secret: Callable[[int], bytes]
    signing_key: bytes

    def now_of(self, organization_id: str) -> datetime:
        """The time that an organization lives at: its test clock's, or else the time."""
        return self.directory.clock_of(organization_id) or self.now()
