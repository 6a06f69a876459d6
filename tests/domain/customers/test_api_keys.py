"""API keys as text: unmistakable in form, checked before anything is looked up."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.customers.api_keys import (
    LABEL_BYTES,
    SECRET_BYTES,
    digest_of,
    label_of,
    write_key,
)
from tallybook.domain.kernel.errors import Unauthenticated

CHANCE = st.binary(min_size=LABEL_BYTES + SECRET_BYTES, max_size=LABEL_BYTES + SECRET_BYTES)


@given(CHANCE)
def test_a_key_is_known_by_its_digest_and_label(chance: bytes) -> None:
    key = write_key(chance)
    assert digest_of(key) == hashlib.sha256(key.encode()).digest()
    assert key.startswith(f"{label_of(key)}_")
    assert len(key) == 51


@given(CHANCE, CHANCE)
def test_no_two_keys_are_written_alike(one: bytes, other: bytes) -> None:
    assert (write_key(one) == write_key(other)) == (one == other)


@given(CHANCE, st.integers(3, 50), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
def test_one_wrong_character_is_noticed(chance: bytes, at: int, wrong: str) -> None:
    """CRC-32 finds every error of a single character."""
    key = write_key(chance)
    mistyped = key[:at] + wrong + key[at + 1 :]
    if mistyped == key:
        return
    with pytest.raises(Unauthenticated):
        digest_of(mistyped)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        ("tb_", "only the beginning"),
        ("sk_live_0123456789", "someone else's key"),
        (write_key(bytes(25)).upper(), "keys are lower case"),
        (write_key(bytes(25)) + "\n", "a line break at the end"),
        (write_key(bytes(25))[:-1], "cut short"),
        ("tb_" + "é" * 48, "not of our alphabet"),
    ],
)
def test_what_was_never_a_key_is_refused_by_its_form(text: str, why: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        digest_of(text)
    assert refused.value.code == "malformed_api_key", why
