"""What would it cost? Rates quantities under prices that are published or only thought of."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from tallybook.domain.catalog.plan import PlanTerms, PlanVersion
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.catalog.working import ZERO, RatedLine
from tallybook.domain.invoicing.charges import (
    Charge,
    RatedCharge,
    rate_fee,
    rate_metered,
    supposed_charge,
)
from tallybook.domain.invoicing.conditions import ConditionLine
from tallybook.domain.invoicing.footing import Footing, HeldCoupon
from tallybook.domain.invoicing.invoice import LineKind
from tallybook.domain.invoicing.whole_bill import Rate, rate_bill
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.errors import Invalid, Missing
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.kernel.money import Money, minor_digits, to_minor_units
from tallybook.domain.metering.windows import named_period
from tallybook.domain.rating.measurable import check_measurable
from tallybook.domain.rating.rate import rate_usage
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.timeline import FOREVER
from tallybook.services.asked_usage import asked_usage
from tallybook.services.find_customers import customer_of, time_of
from tallybook.services.measure_charges import measure_charges, wanted_by
from tallybook.services.offer_coupons import coupon_of
from tallybook.services.ports import Records, Wiring

NO_USAGE = (Portion(Decimal(0)),)
NONE_NAMED: Mapping[str, Decimal] = {}


class PreviewedLine(msgspec.Struct, frozen=True):
    """What a price or a condition would charge: exact, and as it would be printed.

    `unit` is the meter's.
    """

    kind: LineKind
    key: str
    name: str
    rated: RatedLine
    printed: Money
    unit: str


class Preview(msgspec.Struct, frozen=True):
    """What all prices and conditions would charge; the total is that of the printed lines."""

    currency: str
    lines: tuple[PreviewedLine, ...]
    total: Money


def preview_price(
    wiring: Wiring,
    organization_id: str,
    terms: PlanTerms,
    usage: Mapping[str, Sequence[Portion]],
    *,
    quantities: Mapping[str, Decimal] = NONE_NAMED,
    timezone: str = "UTC",
    codes: Sequence[str] = (),
) -> Preview:
    """Rate `usage` and `quantities`, by price key, under `terms`; nothing is kept.

    Conditions act as on the first bill of a whole period, with the coupons of these codes. A
    quantity of a fee is how many are taken, such as seats.

    A price of which no usage is named is rated at no usage, a fee at one; usage that does not say
    when it was is of now. `Invalid` for terms that could not be published, and for usage that
    cannot be rated: see `asked_usage`. Meters need not exist; the unit of one that does is used in
    the working's words.
    """
    terms.check()
    zone(timezone)
    asked = asked_usage(terms, quantities, usage)
    with wiring.books.begin(organization_id) as records:
        meters = records.meters.by_keys(terms.meters)
        held = _held(records, codes)
    now = wiring.now_of(organization_id)
    span = Span(now, now)
    charges = _charges(terms, span, timezone, named=asked)

    def rate(place: int, allowance_left: Decimal | None) -> RatedCharge:
        price = charges[place].price
        portions = asked.get(price.key)
        if price.meter is None:
            return rate_fee(_taken(charges[place], portions))
        portions = portions or NO_USAGE
        circumstances = Circumstances(timezone=timezone, period=_around(portions, now))
        meter = meters.get(price.meter)
        rated = rate_usage(price, portions, circumstances, allowance_left=allowance_left)
        return RatedCharge(charge=charges[place], rated=rated, unit=meter.unit if meter else "")

    return _bill(terms, charges, supposed_footing(terms, span, held), rate)


def _taken(charge: Charge, portions: Sequence[Portion] | None) -> Charge:
    """A fee so many times; once where nobody says how many."""
    if portions is None:
        return charge
    with exactly():
        quantity = sum((portion.quantity for portion in portions), ZERO)
    return msgspec.structs.replace(charge, quantity=quantity)


def _around(portions: Sequence[Portion], now: datetime) -> Span:
    """The time that stands for the period: up to now, from when the first was used."""
    times = [portion.starts_at for portion in portions if portion.starts_at is not None]
    return Span(min((now, *times)), max((now, *times)))


def preview_usage(
    wiring: Wiring,
    organization_id: str,
    terms: PlanTerms,
    *,
    customer: str,
    span: Span | None = None,
    period: str = "",
    quantities: Mapping[str, Decimal] = NONE_NAMED,
    codes: Sequence[str] = (),
) -> Preview:
    """Rate what a customer, by key or id, used; fees are those of one whole period, so many of each
    as `quantities` says, or one.

    Within `span`, or in a named period of the customer's calendar, such as 2026-03; without either
    in its last whole month. The usage is that of this moment, a plan's amounts are those in the
    customer's currency. The terms must be such as could be published: their meters are there and
    can be split as the prices need.
    """
    terms.check()
    with wiring.books.begin(organization_id) as records:
        who = customer_of(records, customer, field="customer")
        now = time_of(wiring, records, who)
        meters = records.meters.by_keys(terms.meters)
        held = _held(records, codes)
    taken = _of_fees(terms, quantities)
    terms.check_meters({key: meter.dimensions for key, meter in meters.items()})
    check_measurable(terms, meters)
    if isinstance(terms, PlanVersion):
        terms = terms.priced_in(who.currency)
    if span is None:
        local = zone(who.timezone)
        span = named_period(period or last_month(now, local), local)
    as_of = wiring.event_log.position()
    wanted = {
        price.key: wanted_by(price, meters[price.meter], who, span)
        for price in terms.prices
        if price.meter is not None
    }
    sheet = measure_charges(wiring, organization_id, wanted.values(), as_of=as_of)
    charges = _charges(terms, span, who.timezone, named=taken)

    def rate(place: int, allowance_left: Decimal | None) -> RatedCharge:
        charge = charges[place]
        of = wanted.get(charge.price.key)
        if of is None:
            return rate_fee(_taken(charge, taken.get(charge.price.key)))
        usage = sheet.of(of)
        return rate_metered(charge, of.meter, who, usage, as_of, allowance_left=allowance_left)

    return _bill(terms, charges, supposed_footing(terms, span, held), rate)


def _of_fees(terms: PlanTerms, quantities: Mapping[str, Decimal]) -> dict[str, Sequence[Portion]]:
    """How many of each fee. Of usage there are the customer's own quantities."""
    metered = {price.key for price in terms.prices if price.meter is not None}
    for key in quantities:
        if key in metered:
            raise Invalid(
                "usage_twice",
                f"The usage of {key!r} is the customer's own, or it is sent.",
                field=f"quantities/{key}",
                mend="Leave out either customer, or this quantity. Fees may have one.",
            )
    return asked_usage(terms, quantities, {})


def _charges(
    terms: PlanTerms, span: Span, timezone: str, *, named: Container[str] = ()
) -> list[Charge]:
    """Every price of the plan, but of its add-ons only those that are named."""
    return [
        supposed_charge(price, span, timezone)
        for price in terms.prices
        if not price.is_optional or price.key in named
    ]


def _held(records: Records, codes: Sequence[str]) -> tuple[HeldCoupon, ...]:
    """Coupons as if they had just been redeemed."""
    offers = []
    for index, code in enumerate(codes):
        try:
            offers.append(coupon_of(records, code).offer)
        except Missing as refusal:
            raise Missing(
                refusal.code, refusal.message, field=f"coupons/{index}", mend=refusal.mend
            ) from None
    return tuple(HeldCoupon(offer.key, offer, Decimal(0), 0) for offer in offers)


def supposed_footing(terms: PlanTerms, span: Span, held: tuple[HeldCoupon, ...] = ()) -> Footing:
    """What the conditions of a first bill for `span` would go by, were it a whole period.

    The terms are priced in one currency, and so are the coupons then.
    """
    return Footing(
        plan=terms,
        cycle=Cycle(
            interval=terms.interval,
            count=terms.interval_count,
            alignment=Alignment.CALENDAR,
            anchor=span.starts,
            timezone="UTC",
        ),
        starts_at=span.starts,
        ended=span,
        service_period=span,
        charged=(Span(span.starts, FOREVER),),
        coupons=tuple(
            msgspec.structs.replace(each, offer=each.offer.priced_in(terms.currency))
            for each in held
        ),
        is_supposed=True,
    )


def _bill(terms: PlanTerms, charges: Sequence[Charge], footing: Footing, rate: Rate) -> Preview:
    digits = minor_digits(terms.currency)
    rated, conditions = rate_bill(charges, rate, footing, digits=digits)
    lines = [
        _line(terms, LineKind.PRICE, one.charge.price.key, one.charge.price.name, one)
        for one in rated
    ]
    lines += [_line(terms, each.kind, each.key, each.name, each) for each in conditions]
    total = sum((line.printed for line in lines), Money(0, terms.currency))
    return Preview(terms.currency, tuple(lines), total)


def last_month(now: datetime, timezone: ZoneInfo) -> str:
    """The name of the last month that was over at `now` by local clocks: 2026-03."""
    last_day = now.astimezone(timezone).replace(day=1) - timedelta(days=1)
    return f"{last_day:%Y-%m}"


def _line(
    terms: PlanTerms, kind: LineKind, key: str, name: str, of: RatedCharge | ConditionLine
) -> PreviewedLine:
    printed = to_minor_units(of.rated.amount, terms.currency)
    return PreviewedLine(kind, key, name, of.rated, printed, of.unit)
