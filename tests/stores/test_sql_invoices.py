"""Invoices in PostgreSQL: one a period, numbered without a gap, frozen once finalized."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
import sqlalchemy as sa

from contracts import AT, customer, day, subscription, usage
from tallybook.domain.customers.organization import Organization
from tallybook.domain.invoicing.assemble import billed_to, invoice_id
from tallybook.domain.invoicing.invoice import (
    Invoice,
    InvoiceStatus,
    LineItem,
    Occasion,
    UsageProof,
)
from tallybook.domain.kernel.errors import Invalid, Missing
from tallybook.domain.kernel.instants import Span
from tallybook.domain.rating.rated_line import Step
from tallybook.stores.sql.books import SqlBooks
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.directory import SqlDirectory

JANUARY = Span(day(1), day(2))
MANY = 40


@pytest.fixture
def engine(migrated_database_url: str) -> Iterator[sa.Engine]:
    made = open_database(migrated_database_url)
    directory, books = SqlDirectory(made), SqlBooks(made)
    for tenant in ("org_1", "org_2"):
        directory.add_organization(Organization(id=tenant, key=tenant, name=tenant, created_at=AT))
        with books.begin(tenant) as records:
            records.customers.add(customer())
            records.subscriptions.add_many(
                [
                    msgspec.structs.replace(subscription(), id=f"sub_{n}", key=f"s{n}")
                    for n in range(MANY)
                ]
            )
    yield made
    made.dispose()


@pytest.fixture
def books(engine: sa.Engine) -> SqlBooks:
    return SqlBooks(engine)


def draft(number: int = 0, *, minor: int = 125, tenant: str = "org_1", **fields: object) -> Invoice:
    counted = usage("12.50", JANUARY, events=3)
    proof = UsageProof(
        meter_id="mtr_calls",
        customer_key="acme",
        span=JANUARY,
        match={"model": "large"},
        evidence=msgspec.structs.replace(counted.evidence, checksum=2**64 - 1),
    )
    lines = [
        LineItem(
            number=place,
            price_key=f"calls{place}",
            name="Calls, “large”\t\\N\n",
            service_period=JANUARY,
            quantity=counted.quantity,
            unit="calls",
            exact_amount=Decimal("1.25000000000000000000000000001"),
            amount_minor=minor,
            working=(Step("per_unit", counted.quantity, Decimal("0.1"), Decimal("1.25")),),
            proof=proof if place == 1 else None,
        )
        for place in (1, 2)
    ]
    made = Invoice(
        id=invoice_id(tenant, f"sub_{number}", Occasion.PERIOD, JANUARY),
        number=None,
        status=InvoiceStatus.DRAFT,
        occasion=Occasion.PERIOD,
        billed_to=billed_to(customer()),
        subscription_id=f"sub_{number}",
        plan_version_id="plan_1",
        period=JANUARY,
        currency="EUR",
        lines=tuple(lines),
        total_minor=2 * minor,
        as_of=7,
        created_at=day(2),
    )
    return msgspec.structs.replace(made, **fields)


def test_what_is_kept_is_what_was_drawn_up(books: SqlBooks) -> None:
    kept = draft(minor=10**30)
    with books.begin("org_1") as records:
        assert records.invoices.add_many([kept]) == {kept.id}
    with books.begin("org_1") as records:
        assert records.invoices.by_id(kept.id) == kept
        assert records.invoices.line(kept.id, 2) == kept.lines[1]
        assert records.invoices.line(kept.id, 3) is None
    with books.begin("org_2") as records:
        assert records.invoices.by_id(kept.id) is None, "another organization's is not seen"
        assert records.invoices.line(kept.id, 1) is None
        assert records.invoices.page(after="", limit=9) == []


def test_a_period_has_one_invoice(books: SqlBooks) -> None:
    with books.begin("org_1") as records:
        records.invoices.add_many([draft()])
    with books.begin("org_1") as records:
        again = draft(minor=999)
        other_id = draft(id="inv_other")
        assert records.invoices.add_many([again, other_id, draft(1)]) == {draft(1).id}
    with books.begin("org_1") as records:
        assert records.invoices.by_id(draft().id) == draft(), "the first one stays as it was"
        assert records.invoices.by_id("inv_other") is None


def test_one_that_fails_leaves_nothing_of_it(books: SqlBooks) -> None:
    with suppress(RuntimeError), books.begin("org_1") as records:
        records.invoices.add_many([draft()])
        raise RuntimeError
    with books.begin("org_1") as records:
        assert records.invoices.by_id(draft().id) is None
        assert records.invoices.line(draft().id, 1) is None


def test_what_the_copy_cannot_take_is_told_as_elsewhere(books: SqlBooks) -> None:
    lines = tuple(msgspec.structs.replace(line, name="a\0b") for line in draft().lines)
    with pytest.raises(Invalid), books.begin("org_1") as records:
        records.invoices.add_many([draft(lines=lines)])
    with books.begin("org_1") as records:
        assert records.invoices.page(after="", limit=9) == []


def test_lists_go_back_in_time_without_lines(books: SqlBooks) -> None:
    kept = [draft(n, created_at=day(2, n + 1)) for n in range(5)]
    with books.begin("org_1") as records:
        records.invoices.add_many(kept)
        first = records.invoices.page(after="", limit=3)
        rest = records.invoices.page(after=first[-1].id, limit=3)
        assert [header.id for header in first + rest] == [one.id for one in reversed(kept)]
        assert not hasattr(first[0], "lines")
        only = records.invoices.page(after="", limit=9, subscription_id="sub_3")
        assert [header.subscription_id for header in only] == ["sub_3"]
        assert records.invoices.page(after="", limit=9, customer_id="cus_other") == []
        records.invoices.finalize_many([kept[2].id], at=day(2))
        opened = records.invoices.page(after="", limit=9, status=InvoiceStatus.OPEN)
        assert [header.number for header in opened] == ["INV-2026-000001"]
        with pytest.raises(Missing):
            records.invoices.page(after="inv_gone", limit=3)


def test_numbers_follow_the_order_given_and_start_anew_each_year(books: SqlBooks) -> None:
    kept = [draft(n) for n in range(4)]
    with books.begin("org_1") as records:
        records.invoices.add_many(kept)
        assert records.invoices.finalize_many([kept[1].id, kept[0].id], at=day(2)) == 2
        assert records.invoices.finalize_many([kept[1].id, kept[2].id], at=day(3)) == 1
        assert records.invoices.finalize_many([kept[3].id], at=day(1, year=2027)) == 1
        found = [records.invoices.by_id(one.id) for one in kept]
    assert [one.number for one in found if one] == [
        "INV-2026-000002",
        "INV-2026-000001",
        "INV-2026-000003",
        "INV-2027-000001",
    ]
    assert [one.finalized_at for one in found if one][:2] == [day(2), day(2)]
    with books.begin("org_1") as records:
        named = records.invoices.by_id("INV-2026-000003")
    assert named is not None
    assert named.id == kept[2].id


def test_each_organization_has_its_own_series(books: SqlBooks) -> None:
    for tenant in ("org_1", "org_2"):
        with books.begin(tenant) as records:
            one = draft(tenant=tenant)
            records.invoices.add_many([one])
            records.invoices.finalize_many([one.id], at=day(2))
            found = records.invoices.by_id("INV-2026-000001")
            assert found is not None
            assert found.id == one.id


def test_a_failed_finalization_leaves_no_hole(books: SqlBooks) -> None:
    with books.begin("org_1") as records:
        records.invoices.add_many([draft(0), draft(1)])
    with suppress(RuntimeError), books.begin("org_1") as records:
        records.invoices.finalize_many([draft(0).id], at=day(2))
        raise RuntimeError
    with books.begin("org_1") as records:
        records.invoices.finalize_many([draft(1).id], at=day(2))
        found = records.invoices.by_id(draft(1).id)
    assert found is not None
    assert found.number == "INV-2026-000001"


def test_finalizing_side_by_side_leaves_no_gap_and_gives_no_number_twice(books: SqlBooks) -> None:
    ids = [draft(n).id for n in range(MANY)]
    with books.begin("org_1") as records:
        records.invoices.add_many([draft(n) for n in range(MANY)])

    def finalize(order: list[str]) -> None:
        for start in range(0, MANY, 8):
            with books.begin("org_1") as records:
                records.invoices.finalize_many(order[start : start + 8], at=day(2))

    threads = [
        threading.Thread(target=finalize, args=(order,))
        for order in (ids, ids[::-1], sorted(ids), ids[20:] + ids[:20])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with books.begin("org_1") as records:
        found = records.invoices.page(after="", limit=100)
    assert sorted(str(one.number) for one in found) == [
        f"INV-2026-{place:06d}" for place in range(1, MANY + 1)
    ]


def test_drafts_are_found_by_the_end_of_their_period(books: SqlBooks) -> None:
    february = Span(day(2), day(3))
    later = draft(1, period=february)
    opening = draft(2, id="inv_opening", occasion=Occasion.OPENING, period=february)
    with books.begin("org_1") as records:
        records.invoices.add_many([later, opening, draft(0)])
        assert records.invoices.drafts(until=day(1, 31), limit=9) == []
        due = records.invoices.drafts(until=day(2, 1), limit=9)
        assert due == [draft(0).id, opening.id], "what is billed at an opening is due at once"
        assert len(records.invoices.drafts(until=day(3, 1), limit=9)) == 3


FORBIDDEN = [
    ("UPDATE invoices SET total_minor = 1", "an amount"),
    ("UPDATE invoices SET number = 'INV-2026-000009'", "a number"),
    ("UPDATE invoices SET status = 'draft', number = NULL, finalized_at = NULL", "undoing it"),
    ("UPDATE invoices SET status = 'draft'", "making it a draft again"),
    ("DELETE FROM invoices", "deleting it"),
    ("UPDATE invoice_lines SET amount_minor = 1 WHERE number = 1", "an amount of a line"),
    ("DELETE FROM invoice_lines WHERE number = 1", "deleting a line"),
    (
        "INSERT INTO invoice_lines SELECT organization_id, invoice_id, 9, price_key, name, "
        "service_starts, service_ends, quantity, unit, exact_amount, amount_minor, working, proof "
        "FROM invoice_lines WHERE number = 1",
        "adding a line",
    ),
]


@pytest.mark.parametrize(("statement", "what"), FORBIDDEN, ids=[what for _, what in FORBIDDEN])
def test_the_database_keeps_a_finalized_invoice_frozen(
    engine: sa.Engine, books: SqlBooks, statement: str, what: str
) -> None:
    with books.begin("org_1") as records:
        records.invoices.add_many([draft()])
        records.invoices.finalize_many([draft().id], at=day(2))
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.text(statement))


def test_a_draft_may_change_and_a_finalized_ones_status_moves_on(
    engine: sa.Engine, books: SqlBooks
) -> None:
    with books.begin("org_1") as records:
        records.invoices.add_many([draft(0), draft(1)])
        records.invoices.finalize_many([draft(0).id], at=day(2))
    gone = {"gone": draft(1).id}
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE invoices SET status = 'paid' WHERE number IS NOT NULL"))
        connection.execute(sa.text("DELETE FROM invoice_lines WHERE invoice_id = :gone"), gone)
        connection.execute(sa.text("DELETE FROM invoices WHERE id = :gone"), gone)
    with books.begin("org_1") as records:
        paid = records.invoices.by_id("INV-2026-000001")
        assert paid is not None
        assert paid.status is InvoiceStatus.PAID
        assert records.invoices.by_id(draft(1).id) is None
