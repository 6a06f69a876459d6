"""A signed text proves who wrote it and what for; anything else is not believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.kernel.signing import sign, signed_payload

KEY = b"k" * 32


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_was_signed_is_read_back(payload: bytes, purpose: str) -> None:
    assert signed_payload(KEY, purpose, sign(KEY, purpose, payload)) == payload


@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_changed_text_is_not_believed(payload: bytes, data: st.DataObject) -> None:
    """Whatever single character is replaced, the text is refused or says the same as before."""
    text = sign(KEY, "link", payload)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_."))
    changed = text[:at] + other + text[at + 1 :]
    assert signed_payload(KEY, "link", changed) in {None, payload}
    if changed.partition(".")[0] != text.partition(".")[0]:
        found = signed_payload(KEY, "link", changed)
        assert found is None or found == payload


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing"),
        (".", "neither payload nor signature"),
        ("abc", "no signature"),
        ("é.é", "not of our alphabet"),
        ("a.b.c", "too many parts"),
        (sign(KEY, "session", b"me"), "signed for another purpose"),
        (sign(b"x" * 32, "link", b"me"), "signed with another key"),
    ],
)
def test_what_we_did_not_sign_for_this_is_not_believed(text: str, why: str) -> None:
    assert signed_payload(KEY, "link", text) is None, why
