"""Every billing case of the shared vectors, where they are present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vectors import run

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TALLYBOOK_SHARED", ROOT.parent / "shared")) / "vectors"
TOPICS = run.read_cases(SHARED) if SHARED.is_dir() else {}
ADAPTERS = {topic: run.load_adapter(topic) for topic in TOPICS}
READY = [case for topic, cases in TOPICS.items() if ADAPTERS[topic] for case in cases]


def test_vectors_are_present() -> None:
    if not TOPICS:
        pytest.skip(f"no vectors at {SHARED}: say where they are by TALLYBOOK_SHARED")
    assert READY


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if not ADAPTERS[topic]])
def test_topic_nobody_answers_yet(topic: str) -> None:
    """Shown as a SKIP that counts its cases, so that nobody takes silence for an answer."""
    pytest.skip(f"not yet supported: {topic} ({len(TOPICS[topic])} cases, no adapter)")


@pytest.mark.parametrize("case", READY, ids=[case.id for case in READY])
def test_vector(case: run.Case) -> None:
    adapter = ADAPTERS[case.topic]
    assert adapter is not None
    outcome = run.judge(case, adapter)
    if outcome.unsupported:
        pytest.skip(f"not yet supported: {outcome.unsupported}")
    assert not outcome.differs, "\n".join([f"given {case.given}", *outcome.differs])
