"""Whether the conditions of a plan, what acts on a bill as a whole, can hold together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from tallybook.domain.catalog.models.rule import within
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.shared_allowance import SharedAllowance
from tallybook.domain.catalog.spending import (
    Commitment,
    Promise,
    SpendLimit,
    are_apart,
    check_prices_known,
    is_within,
)
from tallybook.domain.kernel.errors import Invalid

MOST_CONDITIONS = 50
"""Commitments, limits and shared allowances that one plan may have: each is a row of the bill."""


class Conditions(NamedTuple):
    """The conditions of a plan, with what they refer to."""

    prices: Mapping[str, Price]
    shared_allowances: Sequence[SharedAllowance]
    commitments: Sequence[Commitment]
    spend_limits: Sequence[SpendLimit]
    currencies: Sequence[str]


def condition_checks(terms: Conditions) -> Iterator[Callable[[], object]]:
    """The checks of every condition by itself and of all of them together."""
    prices = terms.prices
    yield partial(_check_number, terms)
    for place, allowance in enumerate(terms.shared_allowances):
        yield partial(within, f"shared_allowances/{place}", partial(allowance.check, prices))
    for place, commitment in enumerate(terms.commitments):
        yield partial(within, f"commitments/{place}", partial(_check_commitment, commitment, terms))
        currencies = partial(commitment.check_currencies, terms.currencies)
        yield partial(within, f"commitments/{place}", currencies)
    for place, limit in enumerate(terms.spend_limits):
        yield partial(within, f"spend_limits/{place}", limit.check)
        known = partial(check_prices_known, limit.prices, prices)
        yield partial(within, f"spend_limits/{place}", known)
        currencies = partial(limit.check_currencies, terms.currencies)
        yield partial(within, f"spend_limits/{place}", currencies)
    yield partial(_check_keys, terms)
    yield partial(_check_shared_once, terms.shared_allowances)
    yield partial(_check_nested, terms)


def _check_number(terms: Conditions) -> None:
    for name in ("shared_allowances", "commitments", "spend_limits"):
        if len(getattr(terms, name)) > MOST_CONDITIONS:
            raise Invalid(
                "too_many_conditions",
                f"The plan has more than {MOST_CONDITIONS} {name.replace('_', ' ')}.",
                field=name,
                mend=f"Send at most {MOST_CONDITIONS}.",
            )


def _check_commitment(commitment: Commitment, terms: Conditions) -> None:
    commitment.check()
    check_prices_known(commitment.prices, terms.prices)
    if commitment.promise is Promise.QUANTITY:
        price = terms.prices[commitment.prices[0]]
        if price.meter is None or not price.need.is_one_quantity:
            raise Invalid(
                "quantity_cannot_be_valued",
                f"What so many units of {price.key!r} cost depends on more than their number.",
                field="prices/0",
                mend="Promise an amount instead.",
            )


def _check_keys(terms: Conditions) -> None:
    """Prices and conditions are told apart by key on an invoice."""
    taken = set(terms.prices)
    for name in ("shared_allowances", "commitments", "spend_limits"):
        conditions: Sequence[SharedAllowance | Commitment | SpendLimit] = getattr(terms, name)
        for place, condition in enumerate(conditions):
            if condition.key in taken:
                raise Invalid(
                    "key_taken",
                    f"Something else of the plan is called {condition.key!r} already.",
                    field=f"{name}/{place}/key",
                    mend="Give each price and each condition of the plan a key of its own.",
                )
            taken.add(condition.key)


def _check_shared_once(allowances: Sequence[SharedAllowance]) -> None:
    taken: set[str] = set()
    for place, allowance in enumerate(allowances):
        for price in allowance.prices:
            if price in taken:
                raise Invalid(
                    "shares_two_allowances",
                    f"The price {price!r} has two shared allowances.",
                    field=f"shared_allowances/{place}/prices",
                    mend="Name each price in one of them.",
                )
        taken.update(allowance.prices)


def _check_nested(terms: Conditions) -> None:
    """Of two conditions that share prices one is within the other, in prices and in time.

    Otherwise what is used would lessen both, and more usage could cost less.
    """
    conditions: list[tuple[str, Commitment | SpendLimit]] = [
        *((f"commitments/{place}", each) for place, each in enumerate(terms.commitments)),
        *((f"spend_limits/{place}", each) for place, each in enumerate(terms.spend_limits)),
    ]
    for place, (field, one) in enumerate(conditions):
        for _, other in conditions[:place]:
            if are_apart(one, other) or is_within(one, other) or is_within(other, one):
                continue
            raise Invalid(
                "conditions_overlap",
                f"{one.key!r} and {other.key!r} are about the same prices, and neither is within "
                "the other: usage would count against both.",
                field=f"{field}/prices",
                mend="Give the one of more prices the longer time too, or both the same prices.",
            )
