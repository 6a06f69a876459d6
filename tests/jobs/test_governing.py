"""Rules that other servers change are learnt, and counts are written, whatever fails between."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from tallybook.domain.customers.organization import Organization
from tallybook.domain.events.event_type import EventSettings
from tallybook.domain.events.quality import Happening
from tallybook.domain.kernel.errors import Unavailable
from tallybook.jobs.governing import governing_events, look_after_events
from tallybook.services.ports import Wiring
from tallybook.services.save_event_type import set_event_settings
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.event_rules import SqlEventRules


def test_a_rule_made_elsewhere_is_in_force_a_round_later(
    wiring: Wiring, organization: Organization, migrated_database_url: str
) -> None:
    engine = open_database(migrated_database_url)
    here = dataclasses.replace(wiring, event_rules=SqlEventRules(engine))
    set_event_settings(wiring, organization.id, EventSettings(max_age_days=7))
    wiring.event_counts.add(
        organization.id, wiring.now().date(), [("call", "api", Happening.DUPLICATE)]
    )
    assert here.event_rules.of(organization.id) is None
    with governing_events(here, every_seconds=0.01):
        give_up_at = time.monotonic() + 20
        while here.event_rules.of(organization.id) is None:
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
    engine.dispose()


def test_what_fails_is_tried_again(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def away(*_: Any) -> None:
        done.append("tried")
        raise Unavailable("away", "The database is away.")

    monkeypatch.setattr(wiring.event_rules, "renew_all", away)
    monkeypatch.setattr(wiring.event_counts, "flush", lambda: done.append("written"))
    look_after_events(wiring)
    look_after_events(wiring)
    assert done == ["tried", "written"] * 2, "one in trouble holds up no other"
