"""The test clock from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines import API
from program import Program
from tallybook.domain.customers.organization import Mode, Scope
from tallybook.services.create_organization import create_organization
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring


@pytest.fixture
def staged(wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """The program, acting for an organization made for tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    organization = create_organization(wiring, key="stage", name="Stage", mode=Mode.TEST)
    issued = issue_key(wiring, organization.id, name="tests", scopes=Scope)
    with API.open(wiring) as client:
        client.headers["Authorization"] = f"Bearer {issued.text}"
        yield Program(client)


def test_time_passes_when_it_is_told_to(staged: Program) -> None:
    assert "none: goes by the time that it is" in staged("clock", "show").out
    staged("clock", "advance", "2026-01-01T00:00:00Z")
    assert "2026-01-01 00:00:00Z" in staged("clock", "show").out
    passed = staged("clock", "advance", "2026-02-01T00:00:00Z", "--finalize", "--json").json
    assert (passed["at"], passed["run"]["invoices"]) == ("2026-02-01T00:00:00Z", 0)
    assert "clock_turned_back" in staged("clock", "advance", "2026-01-01T00:00:00Z", code=1).err


def test_time_passes_for_one_customer(staged: Program) -> None:
    staged("customer", "create", "acme", "--name", "Acme", "--currency", "EUR")
    at = "2026-01-01T00:00:00Z"
    passed = staged("clock", "advance", at, "--customer", "acme", "--json").json
    assert (passed["customer"], passed["at"]) == ("acme", at)
    assert "none: goes by the time that it is" in staged("clock", "show").out


def test_a_live_organization_is_not_played_with(tallybook: Any) -> None:
    assert "live" in tallybook("clock", "show").out
    assert "live_organization" in tallybook("clock", "advance", "2027-01-01T00:00:00Z", code=1).err
