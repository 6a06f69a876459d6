"""Any bytes: refused with a reason, or read; never a fault."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import SEEDS, TARGETS


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A seed with pieces cut out, put in, repeated or overwritten; or bytes of no sense at all."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from((b"", b'"', b"\\", b"\x00", b"e9", b"-", b",", b"}", b"\n")))
        repeated = bytes(content[start:stop]) * draw(st.integers(0, 3))
        content[start:stop] = piece + repeated + draw(st.binary(max_size=3))
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, database=None, suppress_health_check=list(HealthCheck))
@given(content=st.one_of(mutations(), st.binary(max_size=200)))
def test_a_target(name: str, content: bytes) -> None:
    TARGETS[name](content)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_on_every_seed(name: str) -> None:
    accepted = [seed for seed in SEEDS if TARGETS[name](seed)]
    assert accepted, "a target that takes no seed tests nothing but its refusals"
