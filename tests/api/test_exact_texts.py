"""Numbers and times that a body gives as text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest

from tallybook.api.exact_texts import check_texts
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.subscriptions.life import Start
from tallybook.domain.subscriptions.orders import ChangeOrder


class Plain(msgspec.Struct):
    """Every place that a number or a time can have in a body."""

    amount: Decimal = Decimal(0)
    perhaps: Decimal | None = None
    many: tuple[Decimal, ...] = ()
    named: dict[str, Decimal] = {}
    at: datetime | None = None
    inner: Plain | None = None
    text: str = ""


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        ('{"amount": "1_000"}', "amount", "Python's separators are no digits"),
        ('{"amount": "\\u0661"}', "amount", "digits of other scripts are none here"),
        ('{"amount": " 1 "}', "amount", "a blank is no digit"),
        ('{"amount": "NaN"}', "amount", "no number"),
        ('{"perhaps": "1_0"}', "perhaps", "a number or nothing is a number all the same"),
        ('{"many": ["1", "1_0"]}', "many/1", "in a list"),
        ('{"named": {"seats": "1_0"}}', "named/seats", "by name"),
        ('{"inner": {"inner": {"amount": "1_0"}}}', "inner/inner/amount", "a struct in itself"),
        ('{"at": "2026-01-01T00:00:00.1234567Z"}', "at", "would be rounded to the microsecond"),
        ('{"amount": "0.0000000000001"}', "amount", "more than 12 decimals"),
        ('{"amount": "12.5e2", "text": "1_000"}', None, "a text is a text"),
        ('{"amount": 1e5, "at": "2026-01-01T00:00:00.123456Z", "perhaps": null}', None, "exact"),
    ],
)
def test_texts(body: str, field: str | None, why: str) -> None:
    _expect(lambda: check_texts(body.encode(), Plain), field, why)


@pytest.mark.parametrize(
    ("kind", "body", "field", "why"),
    [
        (
            PlanTerms,
            '{"prices": [{"rule": {"model": "graduated", "tiers": [{"unit_amount": "1_0"}]}}]}',
            "prices/0/rule/tiers/0/unit_amount",
            "the tier of a rule, told by its model",
        ),
        (
            PlanTerms,
            '{"prices": [{"rule": {"model": "bucketed", "inner": '
            '{"model": "per_unit", "unit_amount": "1_0"}}}]}',
            "prices/0/rule/inner/unit_amount",
            "a rule in a rule",
        ),
        (
            Start,
            '{"overrides": {"prices": {"fee": {"discount_pct": "1_0"}}}}',
            "overrides/prices/fee/discount_pct",
            "an override that may be unset",
        ),
        (
            ChangeOrder,
            '{"what": {"kind": "set_quantity", "price_key": "1_0", "quantity": "1_0"}}',
            "what/quantity",
            "an order, told by its kind; its key is a text",
        ),
    ],
)
def test_bodies_of_the_api(kind: type, body: str, field: str, why: str) -> None:
    _expect(lambda: check_texts(body.encode(), kind), field, why)


def _expect(check: Callable[[], None], field: str | None, why: str) -> None:
    if field is None:
        check()
        return
    with pytest.raises(Invalid) as refused:
        check()
    assert refused.value.field == field, why
