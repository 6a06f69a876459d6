"""What applying a catalog would change of what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec

from tallybook.cli.catalog.catalog_file import (
    Catalog,
    meter_of,
    offer_of,
    with_instants,
    within,
)
from tallybook.cli.client import Api
from tallybook.domain.catalog.coupon import CouponOffer
from tallybook.domain.catalog.difference import Change, Difference, compare_versions
from tallybook.domain.catalog.feature import FeatureKind, check_granted
from tallybook.domain.catalog.overrides import Overrides
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.metering.definition import check_sense
from tallybook.domain.metering.meter import Meter


class Act(StrEnum):
    """What becomes of an entry. `stuck` is one that differs and cannot be changed."""

    ADD = "add"
    CHANGE = "change"
    SAME = "same"
    STUCK = "stuck"


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the catalog: what it would do, and the body to send for it."""

    kind: str
    key: str
    act: Act
    differences: tuple[Difference, ...] = ()
    mend: str = ""
    body: dict[str, Any] = {}


def compare_catalog(api: Api, catalog: Catalog) -> list[Move]:
    """Every entry compared with what is there, in the order in which they are applied.

    Also what needs the server to be checked is checked: that plans' meters have the dimensions,
    that subscriptions' customers and plans are there.
    """
    return [
        *_compare_meters(api, catalog),
        *_compare_named(api, "unit", catalog.units),
        *_compare_named(api, "product", catalog.products),
        *_compare_named(api, "feature", catalog.features),
        *_compare_plans(api, catalog),
        *_compare_named(api, "family", catalog.families),
        *_compare_coupons(api, catalog),
        *_compare_customers(api, catalog),
        *_compare_subscriptions(api, catalog),
    ]


def _compare_meters(api: Api, catalog: Catalog) -> Iterator[Move]:
    for key, body in catalog.meters.items():
        kept = api.find(f"/v1/meters/{key}")
        if kept is None:
            within(f"meters/{key}", partial(check_sense, meter_of(body)))
            yield Move("meter", key, Act.ADD, body=body)
            continue
        there, wanted = msgspec.convert(kept, Meter), meter_of(body)
        found = tuple(
            Difference(
                Change.CHANGED, name, _text(getattr(there, name)), _text(getattr(wanted, name))
            )
            for name in body
            if getattr(there, name) != getattr(wanted, name)
        )
        mend = "Bills stand on it: give what you mean another key." if found else ""
        yield Move("meter", key, Act.STUCK if found else Act.SAME, found, mend, body)


_PATHS = {"product": "products", "feature": "features", "family": "plan-families", "unit": "units"}


def _compare_named(api: Api, kind: str, entries: Mapping[str, dict[str, Any]]) -> Iterator[Move]:
    """Products, features, families and units: what is said of them may change."""
    for key, body in entries.items():
        kept = api.find(f"/v1/{_PATHS[kind]}/{key}")
        yield _move(kind, key, body, None if kept is None else kept.get(kind, kept))


def _compare_plans(api: Api, catalog: Catalog) -> Iterator[Move]:
    dimensions, kinds = _dimensions(api, catalog), _kinds(api, catalog)
    for key, terms in catalog.terms.items():
        try:
            terms.check_meters(dimensions)
            check_granted(terms.grants, kinds)
        except Refusal as refusal:
            raise refusal.at(f"plans/{key}") from None
        kept = api.find(f"/v1/plans/{key}")
        if kept is None:
            yield Move("plan", key, Act.ADD, body=catalog.plans[key])
            continue
        found = compare_versions(msgspec.convert(kept, PlanVersion), terms)
        yield Move("plan", key, Act.CHANGE if found else Act.SAME, found, body=catalog.plans[key])


def _kinds(api: Api, catalog: Catalog) -> dict[str, FeatureKind]:
    """Of every feature that the plans grant: the file's own, or the one that is there."""
    granted = {grant.feature for terms in catalog.terms.values() for grant in terms.grants}
    known = {
        key: FeatureKind(body.get("kind", FeatureKind.BOOLEAN))
        for key, body in catalog.features.items()
    }
    for key in sorted(granted - known.keys()):
        kept = api.find(f"/v1/features/{key}")
        if kept is not None:
            known[key] = FeatureKind(kept["kind"])
    return known


def _dimensions(api: Api, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Of every meter that the plans name: the file's own, or the one that is there."""
    named = {meter for terms in catalog.terms.values() for meter in terms.meters}
    known = {key: tuple(body.get("dimensions", ())) for key, body in catalog.meters.items()}
    for key in sorted(named - known.keys()):
        kept = api.find(f"/v1/meters/{key}")
        if kept is not None:
            known[key] = tuple(kept["dimensions"])
    return known


def _compare_coupons(api: Api, catalog: Catalog) -> Iterator[Move]:
    """Coupons: what one says is never changed, for those who have it."""
    for key, body in catalog.coupons.items():
        kept = api.find(f"/v1/coupons/{key}")
        if kept is None:
            yield Move("coupon", key, Act.ADD, body=body)
            continue
        there, wanted = msgspec.convert(kept["offer"], CouponOffer), offer_of(body).checked()
        found = tuple(
            Difference(
                Change.CHANGED, name, _text(getattr(there, name)), _text(getattr(wanted, name))
            )
            for name in CouponOffer.__struct_fields__
            if getattr(there, name) != getattr(wanted, name)
        )
        mend = "Give what you mean another code; retire this one." if found else ""
        yield Move("coupon", key, Act.STUCK if found else Act.SAME, found, mend, body)


def _compare_customers(api: Api, catalog: Catalog) -> Iterator[Move]:
    for key, body in catalog.customers.items():
        yield _move("customer", key, body, api.find(f"/v1/customers/{key}"))


_AGREED_ONCE = frozenset({"trial", "contract", "phases", "coupons"})
"""What is agreed at a start and lives on by itself: not compared with what it has become."""


def _as_it_began(api: Api, key: str) -> dict[str, Any]:
    """What phases have made different since: as it was before them."""
    first = api.get(f"/v1/subscriptions/{key}/phases")["results"][:1]
    named = ("plan", "version", "quantities")
    return {name: phase[name] for phase in first for name in named}


def _compare_subscriptions(api: Api, catalog: Catalog) -> Iterator[Move]:
    for key, dated in catalog.subscriptions.items():
        customer = catalog.customers.get(dated["customer"])
        if customer is None:
            customer = api.find(f"/v1/customers/{dated['customer']}")
        if customer is None:
            raise _unknown(key, "customer", dated["customer"])
        if dated["plan"] not in catalog.plans and api.find(f"/v1/plans/{dated['plan']}") is None:
            raise _unknown(key, "plan", dated["plan"])
        kept = api.find(f"/v1/subscriptions/{key}")
        zone = (kept or customer).get("timezone", "UTC")
        body = _with_same_overrides(with_instants(dated, zone), kept)
        if kept is not None:
            if dated.get("phases"):
                kept = kept | _as_it_began(api, key)
            body = {name: value for name, value in body.items() if name not in _AGREED_ONCE}
        yield _move("subscription", key, body, kept, "Cancel it, or give this one another key.")


def _with_same_overrides(body: dict[str, Any], kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body; overrides that say the same as those kept, however written, as they are kept."""
    if kept is None or not kept["overrides"] or "overrides" not in body:
        return body
    there, wanted = (msgspec.convert(each["overrides"], Overrides) for each in (kept, body))
    return body | {"overrides": kept["overrides"]} if there == wanted else body


def _unknown(key: str, field: str, name: str) -> Invalid:
    return Invalid(
        f"unknown_{field}",
        f"There is no {field} {name!r}, here or in the catalog.",
        field=f"subscriptions/{key}/{field}",
        mend="Add it to the catalog, or correct its key.",
    )


def _move(
    kind: str, key: str, body: dict[str, Any], kept: Mapping[str, Any] | None, stuck: str = ""
) -> Move:
    """Compare the fields that the file names; what it leaves out is left as it is."""
    if kept is None:
        return Move(kind, key, Act.ADD, body=body)
    found = tuple(
        Difference(Change.CHANGED, name, _text(kept.get(name)), _text(wanted))
        for name, wanted in body.items()
        if not _is_same(kept.get(name), wanted)
    )
    if not found:
        return Move(kind, key, Act.SAME, body=body)
    return Move(kind, key, Act.STUCK if stuck else Act.CHANGE, found, stuck, body)


def _is_same(kept: Any, wanted: Any) -> bool:
    if isinstance(wanted, datetime) and isinstance(kept, str):
        return datetime.fromisoformat(kept) == wanted
    if isinstance(kept, str) and type(wanted) in {int, Decimal}:
        return plain(Decimal(wanted)) == kept
    if isinstance(wanted, dict) and isinstance(kept, dict):
        return all(_is_same(kept.get(name), value) for name, value in wanted.items())
    return bool(msgspec.to_builtins(wanted) == kept)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def save_as_draft(api: Api, move: Move) -> None:
    """Save a plan that differs as its draft."""
    if move.act is not Act.SAME:
        api.put(f"/v1/plans/{move.key}/draft", move.body)


def apply_move(api: Api, move: Move) -> None:
    """Carry one entry out; the same again changes nothing."""
    if move.act is Act.SAME:
        return
    if move.kind in _PATHS:
        said = {name: value for name, value in move.body.items() if name != "key"}
        api.put(f"/v1/{_PATHS[move.kind]}/{move.key}", said)
        return
    if move.kind == "customer" and move.act is Act.CHANGE:
        said = {name: value for name, value in move.body.items() if name != "key"}
        api.patch(f"/v1/customers/{move.key}", said)
        return
    api.post(f"/v1/{move.kind}s", move.body)
