"""What would it cost? Rates quantities under prices that are published or only thought of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from tallybook.domain.catalog.plan import PlanTerms, PlanVersion
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.catalog.working import RatedLine
from tallybook.domain.invoicing.charges import Charge, rate_fee, rate_metered
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Invalid, Missing, Refusal
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.kernel.money import Money, to_minor_units
from tallybook.domain.metering.windows import named_period
from tallybook.domain.rating.measurable import check_measurable
from tallybook.domain.rating.rate import rate_usage
from tallybook.services.find_customers import customer_of, no_such_customer, time_of
from tallybook.services.measure_charges import measure_charges, wanted_by
from tallybook.services.ports import Wiring

NO_USAGE = (Portion(Decimal(0)),)
ONE_FEE = (Portion(Decimal(1)),)


class PreviewedLine(msgspec.Struct, frozen=True):
    """What one price would charge: exact, and as it would be printed. `unit` is the meter's."""

    price: Price
    rated: RatedLine
    printed: Money
    unit: str


class Preview(msgspec.Struct, frozen=True):
    """What all prices would charge; the total is that of the printed lines."""

    currency: str
    lines: tuple[PreviewedLine, ...]
    total: Money


def preview_price(
    wiring: Wiring,
    organization_id: str,
    terms: PlanTerms,
    usage: Mapping[str, Sequence[Portion]],
    *,
    timezone: str = "UTC",
) -> Preview:
    """Rate `usage`, by price key, under `terms`; nothing is kept.

    A price of which no usage is named is rated at no usage, a fee at one; usage that does not say
    when it was is of now. `Invalid` for terms that could not be published, for a key that no price
    has, and for quantities that are no numbers. Meters need not exist; the unit of one that does is
    used in the working's words.
    """
    terms.check()
    zone(timezone)
    _check_usage(terms, usage)
    with wiring.books.begin(organization_id) as records:
        meters = records.meters.by_keys(terms.meters)
    now = wiring.now_of(organization_id)
    circumstances = Circumstances(timezone=timezone, period=Span(now, now))
    lines = []
    for price in terms.prices:
        portions = usage.get(price.key, NO_USAGE if price.meter else ONE_FEE)
        meter = meters.get(price.meter or "")
        rated = rate_usage(price, portions, circumstances)
        lines.append(_line(terms, price, rated, meter.unit if meter else ""))
    return _summed(terms, lines)


def preview_usage(
    wiring: Wiring,
    organization_id: str,
    terms: PlanTerms,
    *,
    customer: str,
    span: Span | None = None,
    period: str = "",
) -> Preview:
    """Rate what a customer, by key or id, used; fees are those of one whole period.

    Within `span`, or in a named period of the customer's calendar, such as 2026-03; without either
    in its last whole month. The usage is that of this moment, a plan's amounts are those in the
    customer's currency. The terms must be such as could be published: their meters are there and
    can be split as the prices need.
    """
    terms.check()
    with wiring.books.begin(organization_id) as records:
        try:
            who = customer_of(records, customer)
        except Missing:
            raise no_such_customer(customer, field="customer") from None
        now = time_of(wiring, records, who)
        meters = records.meters.by_keys(terms.meters)
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
    lines = []
    for price in terms.prices:
        charge = Charge(price=price, service_period=span)
        if price.key in wanted:
            of = wanted[price.key]
            charged = rate_metered(charge, of.meter, who, sheet.of(of), as_of)
        else:
            charged = rate_fee(charge)
        lines.append(_line(terms, price, charged.rated, charged.unit))
    return _summed(terms, lines)


def last_month(now: datetime, timezone: ZoneInfo) -> str:
    """The name of the last month that was over at `now` by local clocks: 2026-03."""
    last_day = now.astimezone(timezone).replace(day=1) - timedelta(days=1)
    return f"{last_day:%Y-%m}"


def _line(terms: PlanTerms, price: Price, rated: RatedLine, unit: str) -> PreviewedLine:
    return PreviewedLine(price, rated, to_minor_units(rated.amount, terms.currency), unit)


def _summed(terms: PlanTerms, lines: Sequence[PreviewedLine]) -> Preview:
    total = sum((line.printed for line in lines), Money(0, terms.currency))
    return Preview(terms.currency, tuple(lines), total)


def _check_usage(terms: PlanTerms, usage: Mapping[str, Sequence[Portion]]) -> None:
    keys = {price.key for price in terms.prices}
    for key, portions in usage.items():
        if key not in keys:
            raise Invalid(
                "unknown_price",
                f"No price has the key {key!r}.",
                field=f"usage/{key}",
                mend=f"Name one of {', '.join(sorted(keys))}.",
            )
        for index, portion in enumerate(portions):
            try:
                bounded(portion.quantity, field=f"{index}/quantity")
            except Refusal as refusal:
                raise refusal.at(f"usage/{key}") from None
