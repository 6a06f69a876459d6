"""Subscriptions in PostgreSQL: what is due, taken once, moved on by one statement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
import sqlalchemy as sa

from tallybook.domain.customers.customer import Customer
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.changes import AnyWhat, Change, SetQuantity, ToPlan, Undo
from tallybook.domain.subscriptions.cycle import NotDue, closed, decide_cycle, first_period
from tallybook.domain.subscriptions.subscription import Billed, Status, Subscription
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Records, Wiring
from tallybook.stores.sql.books import SqlRecords

START = datetime(2026, 1, 31, 10, tzinfo=UTC)
FIRST = ("", "")


def subscription(number: int, status: Status = Status.ACTIVE, **said: object) -> Subscription:
    fresh = Subscription(
        id=f"sub_{number:05}",
        key=f"key-{number}",
        customer_id="cus_acme",
        plan_version_id="plan_1",
        alignment=Alignment.ANNIVERSARY,
        anchor=START,
        timezone="Europe/Stockholm",
        status=status,
        starts_at=START,
        period=Span(START, START),
        created_at=START,
    )
    fresh = msgspec.structs.replace(fresh, **said)
    return msgspec.structs.replace(fresh, period=first_period(fresh))


def begin(records: Records, subscriptions: list[Subscription]) -> None:
    records.customers.add(
        Customer(id="cus_acme", key="acme", name="Acme", currency="EUR", created_at=START)
    )
    records.subscriptions.add_many(subscriptions)


def test_what_is_kept_is_read_back(wiring: Wiring, organization: Organization) -> None:
    kept = [subscription(1), subscription(2, ends_at=START + timedelta(days=9, microseconds=1))]
    with wiring.books.begin(organization.id) as records:
        begin(records, kept)
        assert records.subscriptions.by_key("key-2", locked=True) == kept[1]
        assert records.subscriptions.by_ids(["sub_00001", "sub_9"]) == {"sub_00001": kept[0]}
        assert records.subscriptions.of_customer("cus_acme") == kept
        assert records.subscriptions.page(after="key-1", limit=5) == kept[1:]
        assert records.subscriptions.page(after="", limit=5, customer_id="cus_other") == []


@pytest.mark.parametrize(
    ("status", "until", "is_due", "why"),
    [
        (Status.ACTIVE, "2026-02-27T22:59:59Z", False, "its period still runs"),
        (Status.ACTIVE, "2026-02-27T23:00:00Z", True, "ended, half-open"),
        (Status.SCHEDULED, "2026-01-31T09:59:59Z", False, "not begun"),
        (Status.SCHEDULED, "2026-01-31T10:00:00Z", True, "to be opened"),
        (Status.ENDED, "2030-01-01T00:00:00Z", False, "over for good"),
    ],
)
def test_due(
    wiring: Wiring, organization: Organization, status: Status, until: str, is_due: bool, why: str
) -> None:
    with wiring.books.begin(organization.id) as records:
        begin(records, [subscription(1, status)])
        instant = datetime.fromisoformat(until)
        found = records.subscriptions.due(until=instant, after=FIRST, limit=5)
        assert [each.id for each in found] == (["sub_00001"] if is_due else []), why


def test_two_runs_at_once_never_take_the_same(wiring: Wiring, organization: Organization) -> None:
    until = START + timedelta(days=60)
    with wiring.books.begin(organization.id) as records:
        begin(records, [subscription(number) for number in range(6)])
    with wiring.books.begin(organization.id) as one, wiring.books.begin(organization.id) as other:
        mine = one.subscriptions.due(until=until, after=FIRST, limit=4)
        theirs = other.subscriptions.due(until=until, after=FIRST, limit=4)
        assert [each.id for each in mine] == [f"sub_{number:05}" for number in range(4)]
        assert [each.id for each in theirs] == ["sub_00004", "sub_00005"]


def test_ten_thousand_move_on_by_one_statement(wiring: Wiring, organization: Organization) -> None:
    until = START + timedelta(days=60)
    with wiring.books.begin(organization.id) as records:
        begin(records, [subscription(number) for number in range(10_000)])
        due = records.subscriptions.due(until=until, after=FIRST, limit=10_000)
        assert len(due) == 10_000
        decisions = [decide_cycle(each, now=until) for each in due]
        moved = [
            closed(each, decision)
            for each, decision in zip(due, decisions, strict=True)
            if not isinstance(decision, NotDue)
        ]
        records.subscriptions.replace_many(moved)
        kept = records.subscriptions.by_ids(each.id for each in moved)
        assert kept == {each.id: each for each in moved}


def test_a_taken_key_keeps_none_of_them(wiring: Wiring, organization: Organization) -> None:
    with wiring.books.begin(organization.id) as records:
        begin(records, [subscription(1)])
    with pytest.raises(Conflicting), wiring.books.begin(organization.id) as records:
        records.subscriptions.add_many([subscription(2), subscription(1)])
    with wiring.books.begin(organization.id) as records:
        assert records.subscriptions.page(after="", limit=9) == [subscription(1)]


def change(number: int, what: AnyWhat) -> Change:
    return Change(number=number, effective_at=START, recorded_at=START, what=what)


def test_changes_are_kept_in_their_order_and_never_altered(
    wiring: Wiring, organization: Organization
) -> None:
    facts = [
        change(1, SetQuantity("seats", Decimal("2.5"))),
        change(2, ToPlan("plan_2", cycle=subscription(1).cycle)),
        change(3, Undo(2)),
    ]
    billed = Billed(advance_until=START, arrears_until=START, changes=3)
    changed = subscription(
        1, quantities={"seats": Decimal(2)}, change_count=3, billed=billed, is_trial=True
    )
    other = create_organization(wiring, key="other", name="Other")
    with wiring.books.begin(organization.id) as records:
        begin(records, [changed, subscription(2)])
        records.subscriptions.add_changes("sub_00001", facts)
        kept = records.subscriptions.changes_of(["sub_00001", "sub_00002"])
        assert kept == {"sub_00001": tuple(facts)}
        assert records.subscriptions.by_key("key-1") == changed
    with wiring.books.begin(other.id) as records:
        assert records.subscriptions.changes_of(["sub_00001"]) == {}
    for statement in ("UPDATE subscription_changes SET number = 9", "DELETE FROM {}"):
        altered = sa.text(statement.format("subscription_changes"))
        with wiring.books.begin(organization.id) as records:
            assert isinstance(records, SqlRecords)
            with pytest.raises(sa.exc.IntegrityError, match="never altered"):
                records.connection.execute(altered)


def test_another_organization_sees_and_changes_nothing(
    wiring: Wiring, organization: Organization
) -> None:
    other = create_organization(wiring, key="other", name="Other")
    with wiring.books.begin(organization.id) as records:
        begin(records, [subscription(1)])
    with wiring.books.begin(other.id) as records:
        assert records.subscriptions.by_key("key-1") is None
        assert records.subscriptions.by_ids(["sub_00001"]) == {}
        assert records.subscriptions.of_customer("cus_acme") == []
        assert records.subscriptions.due(until=START.replace(2030), after=FIRST, limit=5) == []
        records.subscriptions.replace_many([subscription(1, Status.ENDED)])
    with wiring.books.begin(organization.id) as records:
        assert records.subscriptions.by_key("key-1") == subscription(1)
