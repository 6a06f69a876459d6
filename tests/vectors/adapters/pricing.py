"""Prices: translated into the project's rules and rated by them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from tallybook.domain.catalog.models.filtered import Filtered
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import Portion
from tallybook.domain.rating.adjust import after_credits, cap_spend, split_allowance
from tallybook.domain.rating.rate import rate_usage
from vectors.run import NotSupported

TIERED = ("graduated", "volume", "graduated_percentage")
Given = Mapping[str, Any]

SIMPLE = {
    "flat": ("flat", {"amount": "amount"}),
    "unit": ("per_unit", {"unit_amount": "unit_price"}),
    "dynamic": ("dynamic", {"multiplier": "multiplier"}),
    "package": (
        "package",
        {
            "package_size": "package_size",
            "package_amount": "package_price",
            "free_units": "free_units",
            "remainder": "rounding",
        },
    ),
    "percentage": (
        "percentage",
        {
            "rate_pct": "rate_percent",
            "fixed_amount": "fixed_fee",
            "free_events": "free_events",
            "free_amount": "free_amount",
            "event_minimum": "per_event_min",
            "event_maximum": "per_event_max",
        },
    ),
}
"""Models that differ from the project's in names only: the model, and each field's name."""


def answer(given: Given) -> dict[str, Any]:
    model = given["model"]
    if model == "usage_discount":
        return _usage_discount(given)
    if model == "maximum_spend":
        return _maximum_spend(given)
    if model == "filter_match":
        chosen = _filtered(given["params"]).choose(given["props"])
        return {"filter": chosen.name if chosen else None}
    rated = rate_usage(price_of(given), portions_of(given))
    due = after_credits(rated.amount, [Decimal(credit) for credit in given.get("credits", ())])
    found = {"amount": rated.amount, "amount_due": due}
    return found | {"lines": _lines(given)} if model == "filtered" else found


def price_of(given: Given) -> Price:
    """The vector's model, parameters, adjustments and policy as a price."""
    rule = rule_of(given["model"], given["params"], given.get("policy", {}))
    return Price(key="price", name="Price", meter="meter", rule=rule, **adjustments_of(given))


def adjustments_of(given: Given) -> dict[str, Any]:
    """What the vector does around the rule, as fields of a price."""
    names = {
        "usage_discount": "allowance",
        "discount_percent": "discount_pct",
        "minimum": "minimum",
        "maximum": "maximum",
    }
    fields: dict[str, Any] = {}
    for name, value in given.get("adjust", {}).items():
        if value is None:
            continue
        if name == "unit_conversion":
            operation = {"divide": "divide_by", "multiply": "multiply_by"}[value["op"]]
            fields["conversion"] = {operation: value["factor"], "rounding": value.get("rounding")}
        elif name in names:
            fields[names[name]] = value
        else:
            raise NotSupported(f"adjustment {name}")
    plain = {"key": "price", "name": "Price", "rule": {"model": "flat", "amount": 0}, **fields}
    made = msgspec.convert(plain, Price)
    return {name: getattr(made, name) for name in fields}


def portions_of(given: Given) -> list[Portion]:
    """The vector's usage, in whichever way it is given."""
    if given["model"] == "filtered":
        if given["aggregation"] not in ("count", "sum"):
            raise NotSupported(f"filtered {given['aggregation']}")
        counts = given["aggregation"] == "count"
        return [
            Portion(Decimal(1 if counts else event["value"]), event.get("props", {}))
            for event in given["events"]
        ]
    if given["model"] == "composite":
        parts = enumerate(given["params"]["components"])
        return [Portion(Decimal(each["quantity"]), {"part": str(place)}) for place, each in parts]
    if "usage" in given:
        return [Portion(Decimal(units), {"unit": name}) for name, units in given["usage"].items()]
    for several in ("events", "buckets"):
        if several in given:
            return [Portion(Decimal(amount)) for amount in given[several]]
    return [Portion(Decimal(given["quantity"]))]


def rule_of(model: str, params: Given, policy: Given) -> AnyRule:
    """The vector's model as a rule."""
    rule: AnyRule = msgspec.convert(_fields(model, params, policy), AnyRule, strict=False)
    rule.check()
    return rule


def _fields(model: str, params: Given, policy: Given) -> dict[str, Any]:
    if model in TIERED:
        return _tiered(model, params, policy)
    if model in SIMPLE:
        name, fields = SIMPLE[model]
        given = {field: params.get(theirs) for field, theirs in fields.items()}
        return {"model": name, **{field: value for field, value in given.items() if value}}
    return _compound(model, params, policy)


def _tiered(model: str, params: Given, policy: Given) -> dict[str, Any]:
    names = {
        "up_to": "up_to",
        "unit_price": "unit_amount",
        "flat_fee": "flat_amount",
        "block_size": "block_size",
        "cap": "cap",
        "rate_percent": "rate_pct",
    }
    tiers = [
        {names[name]: value for name, value in tier.items() if value is not None}
        for tier in params["tiers"]
    ]
    switch = "zero_quantity_charges_first_flat_fee"
    fields = {"model": model, "tiers": tiers, switch: bool(policy.get(switch))}
    if "up_to" in tiers[-1]:
        fields["beyond"] = "last_tier"
    return fields


def _compound(model: str, params: Given, policy: Given) -> dict[str, Any]:
    if model == "bucketed":
        inner = params["inner"]
        return {"model": model, "inner": _fields(inner["model"], inner["params"], policy)}
    if model == "composite":
        components = {
            str(place): _fields(each["model"], each["params"], policy)
            for place, each in enumerate(params["components"])
        }
        return {"model": model, "dimension": "part", "components": components}
    if model == "capacity":
        sizes = [{"amount": tier["price"], "limits": tier["limits"]} for tier in params["tiers"]]
        return {"model": model, "dimension": "unit", "sizes": sizes}
    if model == "filtered":
        return msgspec.to_builtins(_filtered(params, policy))  # type: ignore[no-any-return]
    raise NotSupported(f"model {model}")


def _filtered(params: Given, policy: Given = MappingProxyType({})) -> Filtered:
    unit = {"model": "unit", "params": {"unit_price": "0"}}
    filters = [
        {
            "name": each["id"],
            "match": each["match"],
            "group_by": each.get("group_by", ()),
            "rule": _fields(each.get("model", "unit"), each.get("params", unit["params"]), policy),
        }
        for each in params["filters"]
    ]
    default: Given = params.get("default") or unit
    return msgspec.convert(
        {
            "model": "filtered",
            "filters": filters,
            "default": _fields(default["model"], default["params"], policy),
            "known_values": params["known_values"],
        },
        Filtered,
    )


def _lines(given: Given) -> list[dict[str, Any]]:
    """What the portions of each filter, and of each group of one, come to by themselves."""
    rule, price = _filtered(given["params"]), price_of(given)
    split: dict[tuple[str | None, tuple[tuple[str, str], ...]], list[Portion]] = {}
    for portion in portions_of(given):
        chosen = rule.choose(portion.dimensions)
        by = chosen.group_by if chosen else ()
        group = tuple((name, portion.dimensions.get(name, "")) for name in by)
        split.setdefault((chosen.name if chosen else None, group), []).append(portion)
    found = []
    for (name, group), portions in split.items():
        rated = rate_usage(price, portions)
        row = {"filter": name, "quantity": rated.quantity, "amount": rated.amount}
        found.append(row | {"group": {key: value or None for key, value in group} or None})
    return found


def _usage_discount(given: Given) -> dict[str, Any]:
    allowance = Decimal(given["params"]["discount_quantity"])
    prior = Decimal(given["prior_quantity"])
    prior_free, prior_paid = split_allowance(allowance, prior)
    free, paid = split_allowance(allowance, Decimal(given["quantity"]), used=prior)
    return {
        "billable_quantity": paid,
        "discounted_quantity": free,
        "prior_billable_quantity": prior_paid,
        "prior_discounted_quantity": prior_free,
    }


def _maximum_spend(given: Given) -> dict[str, Any]:
    line = Decimal(given["line_amount"])
    spent = Decimal(given["prior_amount"])
    owed = cap_spend(Decimal(given["params"]["maximum"]), line, spent=spent)
    return {"amount": owed, "discount": line - owed}
