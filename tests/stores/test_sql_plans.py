"""Plan versions in PostgreSQL: kept exactly, found by plan and number, published once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tallybook.domain.catalog.experiment import Arm, ExperimentOrder
from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion, publish
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Invalid, Missing
from tallybook.domain.metering.meter import Count, Meter
from tallybook.services.create_organization import create_organization
from tallybook.services.find_plans import compare_plan, find_plan, list_plans, list_versions
from tallybook.services.ports import Wiring
from tallybook.services.publish_plan import publish_plan
from tallybook.services.run_experiment import meet_experiment, put_experiment
from tallybook.stores.sql.database import open_database

NOW = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


def terms(key: str = "pro", amount: str = "20", **price: Any) -> PlanTerms:
    fee = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": amount}, **price}
    plan = {"key": key, "name": "Pro", "currency": "USD", "interval": "year", "prices": [fee]}
    return msgspec.convert(plan, PlanTerms)


def test_a_version_is_kept_as_it_was_published(wiring: Wiring, organization: Organization) -> None:
    rule = {
        "model": "matrix",
        "dimensions": ["model", "kind"],
        "cells": [{"values": ["gpt", "*"], "unit_amount": "0.000000000001"}],
    }
    tiered = {"model": "graduated", "tiers": [{"up_to": "10.50", "flat_amount": "1"}, {}]}
    for number, each in enumerate((rule, tiered), start=1):
        version = publish(
            terms(f"p{number}", rule=each, meter="m"), None, organization_id="o", now=NOW
        )
        with wiring.books.begin(organization.id) as records:
            records.plans.add(version)
        with wiring.books.begin(organization.id) as records:
            assert records.plans.latest(f"p{number}") == version
            assert records.plans.by_ids([version.id, "nobody"]) == {version.id: version}
            assert records.plans.version(f"p{number}", 2) is None


def test_publishing_the_same_again_makes_no_version(
    wiring: Wiring, organization: Organization
) -> None:
    first = publish_plan(wiring, organization.id, terms())
    again = publish_plan(wiring, organization.id, terms(amount="20.00"))
    other = publish_plan(wiring, organization.id, terms(amount="21"))
    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert again.version == first.version
    assert other.version.version == 2
    versions = list_versions(wiring, organization.id, "pro")
    assert versions == [first.version, other.version]
    assert find_plan(wiring, organization.id, "pro") == other.version
    assert find_plan(wiring, organization.id, "pro", number=1) == first.version
    (difference,) = compare_plan(wiring, organization.id, "pro", before=1, after=2).differences
    assert (difference.path, difference.after) == ("prices/fee/rule/amount", "21")


def test_a_dry_run_keeps_nothing(wiring: Wiring, organization: Organization) -> None:
    assert publish_plan(wiring, organization.id, terms(), dry_run=True).is_new
    with pytest.raises(Missing):
        find_plan(wiring, organization.id, "pro")


def test_published_twice_at_one_moment_is_published_once(
    wiring: Wiring, organization: Organization
) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(
            threads.map(lambda _: publish_plan(wiring, organization.id, terms()), range(16))
        )
    assert sum(each.is_new for each in made) == 1
    assert len(list_versions(wiring, organization.id, "pro")) == 1


def test_the_latest_of_each_plan_is_listed_in_key_order(
    wiring: Wiring, organization: Organization
) -> None:
    for key in ("b", "a", "c"):
        publish_plan(wiring, organization.id, terms(key))
    publish_plan(wiring, organization.id, terms("a", amount="30"))

    def shown(versions: list[PlanVersion]) -> list[tuple[str, int]]:
        return [(version.plan_key, version.version) for version in versions]

    assert shown(list_plans(wiring, organization.id)) == [("a", 2), ("b", 1), ("c", 1)]
    assert shown(list_plans(wiring, organization.id, after="a", limit=1)) == [("b", 1)]


def test_another_organization_sees_none_of_it(wiring: Wiring, organization: Organization) -> None:
    version = publish_plan(wiring, organization.id, terms()).version
    other = create_organization(wiring, key="other", name="Other")
    assert list_plans(wiring, other.id) == []
    with wiring.books.begin(other.id) as records:
        assert records.plans.by_ids([version.id]) == {}
    assert publish_plan(wiring, other.id, terms()).is_new


def test_a_price_of_a_meter_that_is_not_there_is_refused(
    wiring: Wiring, organization: Organization
) -> None:
    with pytest.raises(Invalid) as refused:
        publish_plan(wiring, organization.id, terms(meter="calls"))
    assert refused.value.field == "prices/0/meter"


def test_a_price_of_a_meter_has_the_dimensions_that_the_meter_has(
    wiring: Wiring, organization: Organization
) -> None:
    with wiring.books.begin(organization.id) as records:
        records.meters.add(
            Meter(
                id="mtr_1",
                key="calls",
                name="Calls",
                event_type="call",
                aggregation=Count(),
                dimensions=("model",),
                created_at=NOW,
            )
        )
    assert publish_plan(wiring, organization.id, terms(meter="calls", match={"model": "x"})).is_new
    with pytest.raises(Invalid) as refused:
        publish_plan(wiring, organization.id, terms(meter="calls", match={"region": "x"}))
    assert refused.value.field == "prices/0/match/region"


def test_the_database_keeps_a_published_version_as_it_is(
    wiring: Wiring, organization: Organization, migrated_database_url: str
) -> None:
    """Whoever has the database in the hand can retire a version, and change nothing else of it."""
    published = publish_plan(wiring, organization.id, terms())
    engine = open_database(migrated_database_url)
    for statement in ("UPDATE plan_versions SET name = 'Other'", "DELETE FROM plan_versions"):
        with pytest.raises(sa.exc.DBAPIError, match="never changes"), engine.begin() as connection:
            connection.execute(sa.text(statement))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE plan_versions SET retired_at = now()"))
    engine.dispose()
    kept = find_plan(wiring, organization.id, "pro")
    assert kept.retired_at is not None
    assert msgspec.structs.replace(kept, retired_at=None) == published.version


def test_who_met_which_arm_is_recorded_for_life(
    wiring: Wiring, organization: Organization, migrated_database_url: str
) -> None:
    publish_plan(wiring, organization.id, terms())
    order = ExperimentOrder(name="Test", plan="pro", arms=(Arm(key="only", version=1),))
    put_experiment(wiring, organization.id, "test", order)
    first = meet_experiment(wiring, organization.id, "test", "acme")
    assert meet_experiment(wiring, organization.id, "test", "acme") == first
    engine = open_database(migrated_database_url)
    for statement in (
        "UPDATE experiment_exposures SET arm = 'other'",
        "DELETE FROM experiment_exposures",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="for life"), engine.begin() as connection:
            connection.execute(sa.text(statement))
    engine.dispose()


def test_a_version_in_another_currency_has_an_id_of_its_own(
    wiring: Wiring, organization: Organization
) -> None:
    rule = {"model": "flat", "amount": "200"}
    both = terms(in_currency={"SEK": {"rule": rule}})
    version = publish_plan(
        wiring, organization.id, msgspec.structs.replace(both, currencies=("SEK",))
    ).version
    ids = [version.id, f"{version.id}.SEK", f"{version.id}.NOK", "plan_none.SEK"]
    with wiring.books.begin(organization.id) as records:
        found = records.plans.by_ids(ids)
    assert found[version.id].currency == "USD"
    assert found[f"{version.id}.SEK"].currency == "SEK"
    assert found[f"{version.id}.SEK"].id == f"{version.id}.SEK"
    assert found[f"{version.id}.SEK"].prices[0].rule == msgspec.convert(rule, Flat)
    assert "plan_none.SEK" not in found
    for each in found.values():
        assert (each.currencies, each.prices[0].in_currency) == ((), {}), "one currency alone"
