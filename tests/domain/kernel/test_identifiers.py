from __future__ import annotations

import pytest

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.identifiers import checked_key, derived_id


def test_the_same_parts_make_the_same_id_for_ever() -> None:
    assert derived_id("inv", "sub_1", "2026-03-01") == "inv_2hv0bge4vwgn3jdgzqs3rr6xvr"


def test_parts_do_not_run_into_each_other() -> None:
    assert derived_id("inv", "ab", "c") != derived_id("inv", "a", "bc")


@pytest.mark.parametrize("text", ["", " a", "-a", "org/unit", "a b", "a" * 129, "å", "a\n"])
def test_a_malformed_key_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_key(text, field="customer")
    assert refusal.value.field == "customer"


@pytest.mark.parametrize("text", ["a", "acme.eu", "org:unit:1", "user@host", "A-1_b+c", "9" * 128])
def test_keys_that_other_systems_use_are_taken(text: str) -> None:
    assert checked_key(text) == text


def test_a_slash_is_taken_only_where_other_systems_names_must_be() -> None:
    assert checked_key("org/unit", may_have_slash=True) == "org/unit"
    with pytest.raises(Invalid):
        checked_key("/unit", may_have_slash=True)
