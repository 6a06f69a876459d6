"""A published list of prices as the terms of one plan, by the name of its format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from tallybook.domain.catalog.imports.model_prices import (
    ListedModel,
    genai_by_time,
    genai_dimensions,
    genai_tokens,
    litellm_matrix,
    not_of_tokens,
)
from tallybook.domain.catalog.imports.urdb import read_tariff
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Invalid


class Format(StrEnum):
    """Two lists of models, LiteLLM's and Pydantic's; a tariff of the Utility Rate Database."""

    LITELLM = "litellm"
    GENAI = "genai"
    URDB = "urdb"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan shall be called, and which meter counts its usage.

    `timezone` is that of a tariff's hours, the customer's if empty; `only` names the models that
    are meant, as `provider/model`, with `*` for any letters: `anthropic/*`. Without it it is all.
    """

    key: str
    meter: str
    name: str = ""
    timezone: str = ""
    only: tuple[str, ...] = ()


class Imported(msgspec.Struct, frozen=True):
    """The terms, and what of the list they leave out."""

    terms: PlanTerms
    left_out: tuple[str, ...] = ()


def import_prices(form: Format, document: Any, order: Order) -> Imported:
    """The plan that a list, read as JSON with decimals, makes."""
    if order.only and form is Format.URDB:
        raise Invalid(
            "only_of_models",
            "A tariff has no models that could be named.",
            field="only",
            mend="Leave it out.",
        )
    try:
        match form:
            case Format.LITELLM:
                return Imported(_litellm(document, order))
            case Format.GENAI:
                return _genai(document, order)
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
    chosen = _chosen(models.keys(), order.only)
    rule = litellm_matrix({name: models[name] for name in chosen})
    if not rule.cells:
        raise KeyError("no model")
    price = Price(key="tokens", name="Tokens", meter=order.meter, rule=rule)
    return _terms(order, "Language models", [price])


def _genai(providers: Sequence[Mapping[str, Any]], order: Order) -> Imported:
    models = {
        f"{provider['id']}/{entry['id']}": ListedModel(str(provider["id"]), entry)
        for provider in providers
        for entry in provider["models"]
    }
    chosen = _chosen(models.keys(), order.only)
    listed = [models[name] for name in chosen]
    prices = []
    tokens = genai_tokens(listed)
    name = listed[0].name if len(listed) == 1 else "Tokens"
    if tokens is not None:
        prices.append(Price(key="tokens", name=name, meter=order.meter, rule=tokens))
    prices += [price for model in listed for price in _by_time(model, listed, order)]
    if not prices:
        raise KeyError("no price of tokens")
    left_out = [f"{name}: {price}" for name in chosen for price in not_of_tokens(models[name])]
    whole = "Language models" if len(listed) > 1 else listed[0].name
    return Imported(_terms(order, whole, prices), tuple(left_out))


def _by_time(model: ListedModel, models: Sequence[ListedModel], order: Order) -> Iterator[Price]:
    """The prices by the time of day of one model, each for the usage of its kind of token."""
    if not model.is_by_time:
        return
    dimensions = genai_dimensions(models)
    for kind, rule in genai_by_time(model).items():
        values = model.values(dimensions, kind)
        yield Price(
            key=kind if len(models) == 1 else ".".join(values),
            name=f"{model.name} {kind}",
            meter=order.meter,
            match=dict(zip(dimensions, values, strict=True)),
            rule=rule,
        )


def _chosen(names: Iterable[str], only: Sequence[str]) -> list[str]:
    """The models that are meant, in the order of the list; each pattern means one or more."""
    known = list(names)
    if not only:
        return known
    chosen: set[str] = set()
    for place, pattern in enumerate(only):
        fitting = [name for name in known if fnmatchcase(name, pattern)]
        if not fitting:
            raise Invalid(
                "unknown_model",
                f"The list has no model {pattern[:140]!r}; it has {len(known)}.",
                field=f"only/{place}",
                mend="Name one as the list does, or several by a pattern, such as openai/*.",
            )
        chosen.update(fitting)
    return [name for name in known if name in chosen]


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
