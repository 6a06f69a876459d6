"""Contracts with a term: notice in time, notice too late, what follows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Alignment, Cycle, boundary
from tallybook.domain.subscriptions.contract import (
    Contract,
    InTerm,
    OpenEnded,
    Over,
    Renewal,
    TermDecision,
    decide_term,
    earliest_end,
    notice_due_at,
    terms_renewed,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


YEARS = Cycle(
    interval=Interval.YEAR,
    alignment=Alignment.ANNIVERSARY,
    anchor=at("2026-03-01T12:00+01:00"),
    timezone="Europe/Oslo",
)
FIRST = Span(at("2026-03-01T00:00+01:00"), at("2027-03-01T00:00+01:00"))
SECOND = Span(FIRST.ends, at("2028-03-01T00:00+01:00"))


def contract(renewal: str = "another_term", notice_days: int = 30) -> Contract:
    return Contract(cycle=YEARS, renewal=Renewal(renewal), notice_days=notice_days)


@pytest.mark.parametrize(
    ("renewal", "notice", "ends", "why"),
    [
        ("another_term", "2026-06-01T10:00+02:00", "2027-03-01T00:00+01:00", "long before"),
        ("another_term", "2027-01-29T23:59+01:00", "2027-03-01T00:00+01:00", "on the last day"),
        ("another_term", "2027-01-30T00:01+01:00", "2028-03-01T00:00+01:00", "a day too late"),
        ("another_term", "2027-06-01T10:00+02:00", "2028-03-01T00:00+01:00", "in the second term"),
        ("nothing", "2027-02-28T10:00+01:00", "2027-03-01T00:00+01:00", "it ends anyway"),
        ("open_ended", "2026-06-01T10:00+02:00", "2027-03-01T00:00+01:00", "within the term"),
        ("open_ended", "2027-02-20T10:00+01:00", "2027-03-23T00:00+01:00", "thirty whole days"),
        ("open_ended", "2027-08-01T10:00+02:00", "2027-09-01T00:00+02:00", "at any later time"),
    ],
)
def test_earliest_end(renewal: str, notice: str, ends: str, why: str) -> None:
    assert earliest_end(contract(renewal), notice_at=at(notice)) == at(ends), why


@pytest.mark.parametrize(
    ("renewal", "now", "notice", "expected", "why"),
    [
        ("another_term", "2026-05-01T00:00Z", None, InTerm(FIRST), "the first term"),
        ("another_term", "2027-05-01T00:00Z", None, InTerm(SECOND), "renewed without a word"),
        ("another_term", "2027-05-01T00:00Z", "2026-06-01T00:00Z", Over(FIRST.ends), "ended"),
        ("another_term", "2027-05-01T00:00Z", "2027-02-20T00:00Z", InTerm(SECOND), "too late"),
        ("nothing", "2027-05-01T00:00Z", None, Over(FIRST.ends), "stamped with the term's end"),
        ("open_ended", "2027-05-01T00:00Z", None, OpenEnded(FIRST.ends), "goes on until notice"),
    ],
)
def test_decide_term(
    renewal: str, now: str, notice: str | None, expected: TermDecision, why: str
) -> None:
    notice_at = at(notice) if notice else None
    assert decide_term(contract(renewal), now=at(now), notice_at=notice_at) == expected, why


def test_notice_without_days_is_until_the_term_ends() -> None:
    assert notice_due_at(contract(notice_days=0), FIRST) == FIRST.ends
    assert notice_due_at(contract(notice_days=30), FIRST) == at("2027-01-30T00:00+01:00")


def test_terms_renewed() -> None:
    assert [terms_renewed(contract(), at=boundary(YEARS, k)) for k in range(4)] == [0, 1, 2, 3]
    assert terms_renewed(contract("open_ended"), at=boundary(YEARS, 3)) == 0
