"""Values that tests of several rooms need: customers, plans, meters and subscriptions in short."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from tallybook.domain.catalog.plan import Interval, PlanVersion
from tallybook.domain.catalog.price import Price
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Count, Evidence, Meter, Usage
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.cycle import first_period
from tallybook.domain.subscriptions.subscription import Status, Subscription

AT = datetime(2026, 1, 1, tzinfo=UTC)


def day(month: int, number: int = 1, hour: int = 0, *, year: int = 2026) -> datetime:
    """An instant of 2026, in UTC."""
    return datetime(year, month, number, hour, tzinfo=UTC)


def price(key: str, model: str, *, meter: str | None = None, **fields: Any) -> Price:
    """A price whose rule is `model`, its fields and the price's own in one go."""
    own = {"match", "timing", "allowance", "minimum", "maximum"}
    around = {name: fields.pop(name) for name in own & fields.keys()}
    rule = {"model": model, **fields}
    made = msgspec.convert(
        {"key": key, "name": key.title(), "rule": rule, "meter": meter, **around}, Price
    )
    made.check()
    return made


def fee(key: str, amount: str, timing: str = "in_arrears") -> Price:
    """A flat fee."""
    return price(key, "flat", amount=amount, timing=timing)


def plan(*prices: Price, currency: str = "EUR", interval: Interval = Interval.MONTH) -> PlanVersion:
    """A plan version with these prices."""
    return PlanVersion(
        id="plan_1",
        plan_key="pro",
        version=1,
        name="Pro",
        currency=currency,
        interval=interval,
        prices=prices,
        created_at=AT,
    )


def customer(key: str = "acme", *, timezone: str = "UTC", currency: str = "EUR") -> Customer:
    """A customer called Acme."""
    return Customer(
        id=f"cus_{key}",
        key=key,
        name="Acme",
        currency=currency,
        timezone=timezone,
        created_at=AT,
    )


def meter(key: str = "calls", *dimensions: str) -> Meter:
    """A meter that counts events of type `call`."""
    return Meter(
        id=f"mtr_{key}",
        key=key,
        name=key.title(),
        event_type="call",
        aggregation=Count(),
        dimensions=dimensions,
        unit="calls",
        created_at=AT,
    )


def usage(quantity: str, span: Span, *, events: int = 1, **dimensions: str) -> Usage:
    """A meter's result for acme."""
    evidence = Evidence(event_count=events, as_of=7, checksum=int(Decimal(quantity)) + events)
    return Usage(
        customer="acme",
        span=span,
        dimensions=dimensions,
        quantity=Decimal(quantity),
        evidence=evidence,
    )


def subscription(
    starts_at: datetime = AT,
    *,
    alignment: Alignment = Alignment.CALENDAR,
    ends_at: datetime | None = None,
    timezone: str = "UTC",
    status: Status = Status.ACTIVE,
    interval: Interval = Interval.MONTH,
    interval_count: int = 1,
) -> Subscription:
    """A subscription of acme's in its first period; opened already, unless `status` says so."""
    begun = Subscription(
        id="sub_1",
        key="acme-pro",
        customer_id="cus_acme",
        plan_version_id="plan_1",
        interval=interval,
        interval_count=interval_count,
        alignment=alignment,
        anchor=starts_at,
        timezone=timezone,
        status=status,
        starts_at=starts_at,
        ends_at=ends_at,
        period=Span(starts_at, starts_at),
        created_at=AT,
    )
    return msgspec.structs.replace(begun, period=first_period(begun))
