"""A catalog file: meters, products, plans, coupons, customers, subscriptions by key, checked first.

Tables are named by key, `[meters.KEY]`, `[units.UNIT]`, `[products.KEY]`, `[features.KEY]`,
`[plans.KEY]`, `[plans.KEY.prices.KEY]`, `[plans.KEY.grants]`, `[families.KEY]`, `[coupons.KEY]`,
`[customers.KEY]`, `[subscriptions.KEY]`; their fields are those of the API. A plan's conditions are
tables too, such as `[plans.KEY.commitments.KEY]`; so are those of a subscription's overrides. A
grant is `true`, a limit or a text. Numbers stay exact, as text or bare. A subscription's times may
be plain dates: midnight in its customer's time zone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tallybook.domain.catalog.coupon import CouponOffer
from tallybook.domain.catalog.feature import Feature
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.product import Family, Product
from tallybook.domain.catalog.unit import Unit
from tallybook.domain.customers.customer import Customer, checked
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.instants import zone
from tallybook.domain.metering.definition import checked_meter
from tallybook.domain.metering.meter import Meter
from tallybook.domain.subscriptions.life import Start

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = {"id": "", "created_at": _NEVER}
_NOT_SAID = frozenset({"id", "version", "created_at"})
_NAMED: dict[str, Any] = {
    "units": Unit,
    "products": Product,
    "features": Feature,
    "families": Family,
}
_TIMES = ("starts_at", "ends_at", "anchor")

T = TypeVar("T")
Entries = dict[str, dict[str, Any]]


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says there shall be. Each entry is a body as the API takes it, by key."""

    meters: Entries
    units: Entries
    products: Entries
    features: Entries
    plans: Entries
    families: Entries
    coupons: Entries
    customers: Entries
    subscriptions: Entries

    @property
    def terms(self) -> dict[str, PlanTerms]:
        """The plans as the domain knows them."""
        return {key: _read(f"plans/{key}", body, PlanTerms) for key, body in self.plans.items()}


def read_catalog(path: Path) -> Catalog:
    """The catalog of a TOML file; refused, with the place, where any of it cannot be meant."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(
            "unreadable_catalog", f"{path.name}: {error}", mend="Mend the TOML."
        ) from None
    unknown = [name for name in tables if name not in Catalog.__struct_fields__]
    if unknown:
        raise Invalid(
            "unknown_table",
            f"A catalog has no {unknown[0]!r}.",
            field=unknown[0],
            mend=f"It has {', '.join(Catalog.__struct_fields__)}.",
        )
    catalog = Catalog(
        meters=_entries(tables, "meters"),
        units=_entries(tables, "units"),
        products=_entries(tables, "products"),
        features=_entries(tables, "features"),
        families=_entries(tables, "families"),
        coupons=_entries(tables, "coupons"),
        plans={key: _with_prices(key, entry) for key, entry in _entries(tables, "plans").items()},
        customers=_entries(tables, "customers"),
        subscriptions={
            key: _with_overrides(key, entry)
            for key, entry in _entries(tables, "subscriptions").items()
        },
    )
    _check(catalog)
    return catalog


def _entries(tables: Mapping[str, Any], kind: str) -> Entries:
    entries = tables.get(kind, {})
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise Invalid(
            "not_tables", f"{kind} are tables by key.", field=kind, mend=f"Write [{kind}.KEY]."
        )
    return {key: {"key": key, **entry} for key, entry in entries.items()}


def _with_prices(key: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The plan with its prices as a list, each with its key, in the file's order."""
    listed = {"prices": _listed(f"plans/{key}", "prices", entry.get("prices", {}))}
    listed |= _conditions(f"plans/{key}", entry)
    if isinstance(entry.get("grants"), dict):
        listed["grants"] = [_grant(name, granted) for name, granted in entry["grants"].items()]
    return entry | listed


def _with_overrides(key: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The subscription with the conditions of its overrides as lists, each with its key."""
    overrides = entry.get("overrides")
    if not isinstance(overrides, dict):
        return entry
    conditions = _conditions(f"subscriptions/{key}/overrides", overrides)
    return entry | {"overrides": overrides | conditions}


def _conditions(place: str, entry: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        kind: _listed(place, kind, entry[kind])
        for kind in ("shared_allowances", "commitments", "spend_limits")
        if kind in entry
    }


def _listed(place: str, kind: str, parts: Any) -> list[dict[str, Any]]:
    """Tables by key as a list, each with its key, in the file's order."""
    if not isinstance(parts, dict) or not all(isinstance(part, dict) for part in parts.values()):
        raise Invalid(
            "not_tables",
            f"These {kind.replace('_', ' ')} are tables by key.",
            field=f"{place}/{kind}",
            mend=f"Write [{place.replace('/', '.')}.{kind}.KEY].",
        )
    return [{"key": name, **part} for name, part in parts.items()]


def offer_of(body: Mapping[str, Any]) -> CouponOffer:
    """The coupon that a body says."""
    return _read(f"coupons/{body['key']}", body, CouponOffer)


def _grant(feature: str, granted: Any) -> dict[str, Any]:
    """`sso = true`, `projects = 10`, `support = "within a day"` as the API takes them."""
    if granted is True:
        return {"feature": feature}
    return {"feature": feature, "text" if isinstance(granted, str) else "limit": granted}


def _check(catalog: Catalog) -> None:
    """What can be seen without a server; the server checks all of it again."""
    for key, body in catalog.meters.items():
        _check_known(f"meters/{key}", body, Meter)
        within(f"meters/{key}", partial(checked_meter, meter_of(body)))
    for kind, named in _NAMED.items():
        for key, body in getattr(catalog, kind).items():
            _check_known(f"{kind}/{key}", body, named)
            read = _read(f"{kind}/{key}", {**body, "created_at": _NEVER}, named)
            within(f"{kind}/{key}", read.check)
    for key, terms in catalog.terms.items():
        within(f"plans/{key}", terms.check)
    for key, body in catalog.coupons.items():
        within(f"coupons/{key}", offer_of(body).checked)
    for key, body in catalog.customers.items():
        _check_known(f"customers/{key}", body, Customer)
        customer = _read(f"customers/{key}", body | _KEPT, Customer)
        within(f"customers/{key}", partial(checked, customer))
    for key, body in catalog.subscriptions.items():
        dated = {name: _NEVER for name in _TIMES if type(body.get(name)) is date}
        start = _read(f"subscriptions/{key}", body | dated, Start)
        timed = msgspec.structs.replace(start, **dict.fromkeys(dated))
        within(f"subscriptions/{key}", timed.checked)


def meter_of(body: Mapping[str, Any]) -> Meter:
    """The meter that a body says, its id and time left blank."""
    return _read(f"meters/{body['key']}", {**body, **_KEPT}, Meter)


def with_instants(body: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    """A subscription's body with its plain dates taken as midnight in `timezone`."""
    at_midnight = {
        name: datetime.combine(body[name], time(), zone(timezone)).astimezone(UTC)
        for name in _TIMES
        if type(body.get(name)) is date
    }
    return {**body, **at_midnight}


def _check_known(place: str, body: Mapping[str, Any], kind: type[msgspec.Struct]) -> None:
    known = [name for name in kind.__struct_fields__ if name not in _NOT_SAID]
    for name in body:
        if name not in known:
            raise Invalid(
                "unknown_field",
                f"There is no field {name!r} here.",
                field=f"{place}/{name}",
                mend=f"Use {', '.join(known)}.",
            )


def _read(place: str, body: Mapping[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        inner = path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
        raise Invalid(
            "wrong_value", f"{message}.", field=place + inner, mend="Correct it in the file."
        ) from None


def within(place: str, check: Callable[[], object]) -> None:
    """Run the check of an entry; what it refuses is named from the file."""
    try:
        check()
    except Refusal as refusal:
        raise refusal.at(place) from None
