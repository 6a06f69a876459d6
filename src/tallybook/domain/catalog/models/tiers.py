"""Tiers, and what makes a list of them a price: sorted, gapless, open at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Protocol, TypeVar

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import check_amount, check_positive
from tallybook.domain.catalog.working import (
    NO_USAGE,
    ONE,
    ZERO,
    RatedLine,
    Sentences,
    Step,
    line,
    single,
)
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Invalid


class Tier(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step of a price. `up_to` is inclusive and counted from zero; the last tier has none.

    With `block_size` the units are sold by the started block and `unit_amount` is a block's price.
    `cap` is the most that the tier charges, its flat amount included.
    """

    up_to: Decimal | None = None
    unit_amount: Decimal = Decimal(0)
    flat_amount: Decimal = Decimal(0)
    block_size: Decimal | None = None
    cap: Decimal | None = None


FLAT_SENTENCES: Sentences = {
    **NO_USAGE,
    "first_tier_flat": {
        "en": "Flat fee for the first tier: {amount}",
        "sv": "Fast avgift för den första nivån: {amount}",
        "de": "Festbetrag der ersten Staffel: {amount}",
    },
    "tier_flat": {
        "en": "Flat fee for the tier above {above}: {amount}",
        "sv": "Fast avgift för nivån över {above}: {amount}",
        "de": "Festbetrag der Staffel über {above}: {amount}",
    },
    "zero_quantity_flat": {
        "en": "Flat fee for the first tier, owed without usage too: {amount}",
        "sv": "Fast avgift för den första nivån, även utan användning: {amount}",
        "de": "Festbetrag der ersten Staffel, auch ohne Nutzung: {amount}",
    },
    "beyond_free": {
        "en": "{quantity} {unit} above {above}: free",
        "sv": "{quantity} {unit} över {above}: utan kostnad",
        "de": "{quantity} {unit} über {above}: kostenlos",
    },
}
"""How the steps that all tiered models share are told."""

TIER_SENTENCES: Sentences = {
    **FLAT_SENTENCES,
    "tier_cap": {
        "en": "This tier costs {cap} at most: {amount}",
        "sv": "Nivån kostar högst {cap}: {amount}",
        "de": "Diese Staffel kostet höchstens {cap}: {amount}",
    },
}
"""The same for those that charge by `Tier`."""


class Beyond(StrEnum):
    """What a quantity pays beyond a last tier that has an end."""

    LAST_TIER = "last_tier"
    FREE = "free"


class Bound(Protocol):
    """Anything with an inclusive upper bound."""

    @property
    def up_to(self) -> Decimal | None: ...


T = TypeVar("T", bound=Bound)


def check_bounds(tiers: Sequence[Bound], *, beyond: Beyond | None = None) -> None:
    """Each tier begins where the one before ended; only the last may be without an end.

    A last tier that ends must be told, by `beyond`, what the units after it cost.
    """
    if not tiers:
        raise Invalid(
            "no_tiers", "A tiered price has no tier.", field="tiers", mend="Send one tier or more."
        )
    below = Decimal(0)
    for index, tier in enumerate(tiers):
        field = f"tiers/{index}/up_to"
        is_last = index == len(tiers) - 1
        if tier.up_to is None:
            if not is_last:
                raise Invalid(
                    "open_tier_inside",
                    f"Tier {index} has no end, so the tiers after it are never reached.",
                    field=field,
                    mend="Give every tier but the last an up_to.",
                )
            continue
        bounded(tier.up_to, field=field)
        if tier.up_to <= below:
            raise Invalid(
                "overlapping_tiers",
                f"Tier {index} ends at {tier.up_to}, not above {below}, where it begins.",
                field=field,
                mend="Sort the tiers by up_to; each must end above the one before.",
            )
        if is_last and beyond is None:
            raise Invalid(
                "last_tier_ends",
                f"No tier says what a unit above {tier.up_to} costs.",
                field=field,
                mend="Leave up_to out of the last tier, or say beyond: last_tier or free.",
            )
        below = tier.up_to


def check_tiers(tiers: Sequence[Tier], *, beyond: Beyond | None = None) -> None:
    """The bounds, and each tier's amounts."""
    check_bounds(tiers, beyond=beyond)
    for index, tier in enumerate(tiers):
        check_amount(tier.unit_amount, f"tiers/{index}/unit_amount")
        check_amount(tier.flat_amount, f"tiers/{index}/flat_amount")
        if tier.block_size is not None:
            check_positive(tier.block_size, f"tiers/{index}/block_size", "A block size")
        if tier.cap is not None:
            check_amount(tier.cap, f"tiers/{index}/cap")


def prorated_bounds(tiers: Sequence[Bound], within: InForce) -> list[Decimal | None]:
    """Where the tiers end in a part of a period: each tier's width shrinks, so they stay sorted."""
    ends: list[Decimal | None] = []
    below = shrunk = ZERO
    for tier in tiers:
        if tier.up_to is None:
            ends.append(None)
            continue
        shrunk += within.units(tier.up_to - below)
        below = tier.up_to
        ends.append(shrunk)
    return ends


def prorated_tiers(tiers: Sequence[Tier], within: InForce) -> tuple[Tier, ...]:
    """Tiers of a part of a period: their bounds, flat amounts and caps, never a unit amount."""
    return tuple(
        msgspec.structs.replace(
            tier,
            up_to=end,
            flat_amount=within.amount(tier.flat_amount),
            cap=within.limit(tier.cap),
        )
        for tier, end in zip(tiers, prorated_bounds(tiers, within), strict=True)
    )


def started(quantity: Decimal, size: Decimal) -> Decimal:
    """How many packages of `size` are needed to hold `quantity`.

    Counted by `divmod`, whose parts are exact where a quotient might not end.
    """
    whole, rest = divmod(quantity, size)
    return whole + 1 if rest > 0 else whole.quantize(ONE, rounding=ROUND_CEILING)


def entered(
    quantity: Decimal, tiers: Sequence[T], beyond: Beyond | None
) -> Iterator[tuple[T | None, Decimal, Decimal]]:
    """The tiers that `quantity` reaches, each with where its share begins and ends.

    The share beyond a last tier that ends comes with no tier, unless the last one goes on.
    """
    below = ZERO
    endless = tiers[-1] if beyond is Beyond.LAST_TIER else None
    for tier in tiers:
        ceiling = tier.up_to
        if ceiling is None or quantity <= ceiling or tier is endless:
            ceiling = quantity
        if ceiling > below:  # a tier that has no width in a part of a period is not entered
            yield tier, below, ceiling
        below = ceiling
        if below == quantity:
            return
    yield None, below, quantity


def reached(quantity: Decimal, tiers: Sequence[T]) -> tuple[T, Decimal]:
    """The tier that the whole quantity falls in, and where it begins.

    A quantity beyond the last tier's end counts as in the last tier.
    """
    below = ZERO
    for tier in tiers[:-1]:
        assert tier.up_to is not None, "only the last tier is open"
        if quantity <= tier.up_to:
            return tier, below
        below = tier.up_to
    return tiers[-1], below


def charge_tier(code: str, quantity: Decimal, tier: Tier, terms: dict[str, Decimal]) -> list[Step]:
    """The steps of one tier for the units that fall into it: units, flat amount, cap."""
    if tier.block_size is None:
        units = Step(code, quantity, tier.unit_amount, quantity * tier.unit_amount, terms)
    else:
        blocks = started(quantity, tier.block_size)
        amount = blocks * tier.unit_amount
        terms = {**terms, "units": quantity, "block_size": tier.block_size}
        units = Step(f"{code}_blocks", blocks, tier.unit_amount, amount, terms)
    steps = [units]
    if tier.flat_amount:
        code = "tier_flat" if terms["above"] else "first_tier_flat"
        steps.append(single(code, tier.flat_amount, terms))
    total = units.amount + tier.flat_amount
    if tier.cap is not None and total > tier.cap:
        steps.append(single("tier_cap", tier.cap - total, {**terms, "cap": tier.cap}))
    return steps


def no_usage(flat_amount: Decimal, *, charges_flat: bool) -> RatedLine:
    """The line of a quantity of zero: nothing, or by the rule's choice the first flat amount."""
    if charges_flat and flat_amount:
        return line(ZERO, single("zero_quantity_flat", flat_amount))
    return line(ZERO)
