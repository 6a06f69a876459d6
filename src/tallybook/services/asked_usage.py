"""The usage that a price preview is asked for: named by price, and split as the price needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.usage_need import Portion
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.instants import to_utc

_SHORT_WINDOWS = ("minute", "hour")
"""Windows that now cannot stand for: what costs more by day is not told by when one asks."""


def asked_usage(
    terms: PlanTerms,
    quantities: Mapping[str, Decimal],
    usage: Mapping[str, Sequence[Portion]],
) -> dict[str, Sequence[Portion]]:
    """What is asked of each price, its times in UTC.

    `Invalid` for a key that no price has, a price that is asked both ways, a number that is none,
    a time without a zone; and for usage that does not say what its price goes by: it would be rated
    as if it were of no model and no hour, and look free. Usage of nothing need not say it.
    """
    prices = {price.key: price for price in terms.prices}
    asked: dict[str, Sequence[Portion]] = {
        key: (Portion(quantity),) for key, quantity in quantities.items()
    }
    for key in quantities:
        if key in usage:
            raise Invalid(
                "usage_twice",
                f"The price {key!r} has a quantity and usage.",
                field=f"quantities/{key}",
                mend="Leave one of them out.",
            )
    for kind, named in (("quantities", dict(asked)), ("usage", usage)):
        for key, portions in named.items():
            if key not in prices:
                raise Invalid(
                    "unknown_price",
                    f"No price has the key {key!r}.",
                    field=f"{kind}/{key}",
                    mend=f"Name one of {', '.join(sorted(prices))}.",
                )
            try:
                asked[key] = tuple(_checked(prices[key], portions))
            except Refusal as refusal:
                if kind == "usage":
                    raise refusal.at(f"{kind}/{key}") from None
                raise Invalid(
                    refusal.code, refusal.message, field=f"{kind}/{key}", mend=refusal.mend
                ) from None
    return asked


def _checked(price: Price, portions: Sequence[Portion]) -> Iterator[Portion]:
    for index, portion in enumerate(portions):
        bounded(portion.quantity, field=f"{index}/quantity")
        if price.meter is None and portion.quantity < 0:
            raise Invalid(
                "negative_amount",
                f"{portion.quantity} of a fee cannot be taken.",
                field=f"{index}/quantity",
                mend="Send 0 or more.",
            )
        if portion.quantity:
            _check_split(price, portion, index)
        if portion.starts_at is not None:
            at = to_utc(portion.starts_at, field=f"{index}/starts_at")
            portion = msgspec.structs.replace(portion, starts_at=at)  # noqa: PLW2901 - the same one
        yield portion


def _check_split(price: Price, portion: Portion, index: int) -> None:
    need = price.need
    missing = [name for name in need.group_by if name not in portion.dimensions]
    if missing:
        example = ", ".join(f'"{name}": "…"' for name in need.group_by)
        raise Invalid(
            "usage_not_split",
            f"{price.key!r} goes by {' and '.join(need.group_by)}; this usage does not say its "
            f"{' and '.join(missing)}.",
            field=f"{index}/dimensions",
            mend=f'Send usage such as [{{"quantity": 1, "dimensions": {{{example}}}}}], '
            'with "" where an event has none.',
        )
    if need.window in _SHORT_WINDOWS and portion.starts_at is None:
        raise Invalid(
            "usage_without_time",
            f"{price.key!r} goes by the time of day; this usage does not say when it was.",
            field=f"{index}/starts_at",
            mend='Send usage such as [{"quantity": 1, "starts_at": "2026-07-01T17:00:00Z"}].',
        )
