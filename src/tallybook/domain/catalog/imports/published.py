"""A published list of prices as the terms of one plan, by the name of its format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from tallybook.domain.catalog.imports.model_prices import DIMENSIONS, genai_rule, litellm_matrix
from tallybook.domain.catalog.imports.urdb import read_tariff
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Invalid


class Format(StrEnum):
    """LiteLLM's list of models; Pydantic's `genai-prices`, one model of it; a tariff of the Utility
    Rate Database."""

    LITELLM = "litellm"
    GENAI = "genai"
    URDB = "urdb"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan shall be called, and which meter counts its usage.

    `timezone` is that of a tariff's hours, the customer's if empty; `only` names the one model that
    is meant, as `provider/model`.
    """

    key: str
    meter: str
    name: str = ""
    timezone: str = ""
    only: str = ""


class Imported(msgspec.Struct, frozen=True):
    """The terms, and what of the list they leave out."""

    terms: PlanTerms
    left_out: tuple[str, ...] = ()


def import_prices(form: Format, document: Any, order: Order) -> Imported:
    """The plan that a list, read as JSON with decimals, makes."""
    if order.only and form is not Format.GENAI:
        raise Invalid(
            "only_of_genai",
            "One model is named of genai-prices alone.",
            field="only",
            mend="Leave it out.",
        )
    try:
        match form:
            case Format.LITELLM:
                return Imported(_litellm(document, order))
            case Format.GENAI:
                return Imported(_genai(document, order))
            case Format.URDB:
                return _urdb(document, order)
    except (KeyError, TypeError, AttributeError, AssertionError, ValueError) as error:
        raise Invalid(
            "not_that_list",
            f"The file is no list of prices as {form.value} has them.",
            field="file",
            mend="Send the file as it was published, and name its format.",
        ) from error


def _litellm(models: Mapping[str, Any], order: Order) -> PlanTerms:
    rule = litellm_matrix(models)
    if not rule.cells:
        raise KeyError("no model")
    price = Price(key="tokens", name="Tokens", meter=order.meter, rule=rule)
    return _terms(order, "Language models", [price])


def _genai(providers: Sequence[Mapping[str, Any]], order: Order) -> PlanTerms:
    models = {
        f"{provider['id']}/{model['id']}": model
        for provider in providers
        for model in provider["models"]
    }
    if order.only not in models:
        raise Invalid(
            "unknown_model",
            f"The list has no model {order.only!r}; it has {len(models)}.",
            field="only",
            mend="Name one as provider/model, such as openai/o3.",
        )
    model = models[order.only]
    rule = genai_rule(model)
    if isinstance(rule, dict):
        prices = [
            Price(
                key=kind,
                name=f"{model['id']} {kind}",
                meter=order.meter,
                match=dict(zip(DIMENSIONS, (str(model["id"]), kind), strict=True)),
                rule=by_time,
            )
            for kind, by_time in rule.items()
        ]
    else:
        prices = [Price(key="tokens", name=str(model["id"]), meter=order.meter, rule=rule)]
    return _terms(order, str(model["id"]), prices)


def _urdb(tariff: Any, order: Order) -> Imported:
    """A tariff, or the answer of the database's interface that has one."""
    if isinstance(tariff, Mapping) and "items" in tariff:
        [tariff] = tariff["items"]
    read = read_tariff(tariff, plan_key=order.key, meter=order.meter, timezone=order.timezone)
    terms = msgspec.structs.replace(read.terms, name=order.name or read.terms.name)
    return Imported(terms, read.left_out)


def _terms(order: Order, name: str, prices: Sequence[Price]) -> PlanTerms:
    return PlanTerms(
        plan_key=order.key, name=order.name or name, currency="USD", prices=tuple(prices)
    )


def cells_of(terms: PlanTerms) -> int:
    """How many amounts the prices of a plan have, for who wants to know what was read."""
    return sum(1 for _ in _amounts(msgspec.to_builtins(terms)))


def _amounts(value: Any) -> Iterator[Decimal]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in {"unit_amount", "amount", "flat_amount"}:
                yield Decimal(str(inner))
            else:
                yield from _amounts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _amounts(inner)
