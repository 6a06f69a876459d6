"""Invoices that earlier versions drew up, verified by a later one: docs/semantics/invoicing.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

MATRIX: Answer = {
    "key": "tokens",
    "name": "Tokens",
    "meter": "tokens",
    "rule": {
        "model": "matrix",
        "dimensions": ["model"],
        "cells": [{"values": ["large"], "unit_amount": "1"}],
    },
}
FEE: Answer = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": "100"}}

_WITHOUT_LINE = """
UPDATE invoice_lines SET working = (
    SELECT jsonb_agg(step #- '{terms,line}') FROM jsonb_array_elements(working) AS step
) WHERE kind = 'coupon'
"""
_WITHOUT_STEP = "UPDATE invoice_lines SET working = '[]' WHERE price_key = 'tokens'"


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("tokens", dimensions=("model",))
        begun.plan("pro", FEE, MATRIX)
        begun.customer("acme")
        begun.subscribe("acme", "pro", day(1))
        begun.post("/v1/coupons", {"key": "WELCOME", "name": "Welcome", "rate_pct": "20"})
        begun.post("/v1/coupon-redemptions", {"code": "WELCOME", "customer": "acme"})
        begun.pass_time(day(2, 2))
        yield begun


@pytest.mark.parametrize(
    ("as_before", "is_equal", "why"),
    [
        (_WITHOUT_LINE, True, "coupons did not say which line they come off"),
        (_WITHOUT_STEP, True, "a matrix said nothing of a month without usage"),
        (f"{_WITHOUT_LINE}; {_WITHOUT_STEP}", True, "neither did"),
        (
            "UPDATE invoice_lines SET working = '[]' WHERE kind = 'coupon'",
            False,
            "coupons always said what they take off",
        ),
    ],
)
def test_an_invoice_is_verified_by_what_it_could_say(
    story: Story, migrated_database_url: str, as_before: str, is_equal: bool, why: str
) -> None:
    [january] = story.proved("acme")
    engine = sa.create_engine(migrated_database_url)
    with engine.begin() as connection:
        for statement in as_before.split(";"):
            connection.exec_driver_sql(statement)
    engine.dispose()
    verification = story.post(f"/v1/invoices/{january['id']}/verify")
    assert verification["is_equal"] is is_equal, (why, verification["differences"])
    [again] = story.invoices("acme")
    assert all(isinstance(line["working"], list) for line in again["lines"]), "and can be read"
