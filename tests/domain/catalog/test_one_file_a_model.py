"""A pricing model is one file and a line of registration: nothing else in the program names it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tallybook.domain import catalog
from tallybook.domain.catalog import models
from tallybook.domain.catalog.price import AnyRule
from tallybook.domain.rating.wording import CODES, LANGUAGES

MODELS = Path(models.__file__).parent
SOURCE = Path(catalog.__file__).parents[2]
REGISTERS = {"quantity_rule.py", "price.py"}
FOUNDATION = {"graduated", "stairstep", "matrix", "time_of_use", "per_unit", "flat"}
"""Models that other models or imports are built of."""


def _members(union: Any) -> Iterator[Any]:
    for member in get_args(union):
        yield from _members(member) if get_args(member) else (member,)


RULES = {rule.__struct_config__.tag: rule for rule in _members(AnyRule)}


def test_every_model_file_is_registered() -> None:
    tags = {
        tag for file in MODELS.glob("*.py") for tag in re.findall(r'tag="(\w+)"', file.read_text())
    }
    assert tags == set(RULES)


@pytest.mark.parametrize("tag", sorted(RULES))
def test_a_model_is_in_the_file_of_its_name_with_all_its_words(tag: str) -> None:
    rule = RULES[tag]
    assert rule.__module__ == f"tallybook.domain.catalog.models.{tag}"
    assert set(rule.sentences) <= CODES
    assert all(set(told) == set(LANGUAGES) for told in rule.sentences.values())
    assert rule.__doc__


@pytest.mark.parametrize("tag", sorted(set(RULES) - FOUNDATION))
def test_nothing_but_its_registration_names_a_model(tag: str) -> None:
    module = re.compile(rf"models\.{tag}\b|models import .*\b{tag}\b")
    naming = {
        path.name
        for path in SOURCE.rglob("*.py")
        if path.parent.name != "imports" and module.search(path.read_text())
    }
    assert naming <= REGISTERS | {"quantity_rule.py"}, naming


def test_the_schema_names_every_model() -> None:
    """What the API's description is made from."""
    (_, parts) = msgspec.json.schema_components([AnyRule])
    assert set(parts) >= {rule.__name__ for rule in RULES.values()}
