"""When an engine is away, requests are refused with a time to come back, and nothing is done."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient

from tallybook.api.app import build_api
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring
from tallybook.stores.sql.books import SqlBooks
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.directory import SqlDirectory

NOWHERE = "postgresql://postgres:@/postgres?host=/nowhere/at/all"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/customers"), ("GET", "/v1/invoices"), ("GET", "/v1/api-keys")],
)
def test_without_the_database_of_records(
    wiring: Wiring, organization: Organization, method: str, path: str
) -> None:
    """The key was seen a moment ago, so it is the question itself that finds nobody."""
    text = issue_key(wiring, organization.id, name="k", scopes=Scope).text
    away = open_database(NOWHERE)
    directory = SqlDirectory(away)
    kept = wiring.directory
    assert isinstance(kept, SqlDirectory)
    with TestClient(build_api(wiring)) as client:
        client.get("/v1/organization", headers={"Authorization": f"Bearer {text}"})
    directory._recent = kept._recent
    broken = dataclasses.replace(wiring, books=SqlBooks(away), directory=directory)
    with TestClient(build_api(broken), raise_server_exceptions=False) as client:
        answer = client.request(method, path, headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["code"] == "records_unavailable"
    assert "nowhere" in answer.json()["detail"] or "connection" in answer.json()["detail"]


def test_a_key_not_seen_lately_is_not_taken_for_a_wrong_one(wiring: Wiring) -> None:
    """Without the database it cannot be told: that is 503 and to be tried again, never 401."""
    away = dataclasses.replace(wiring, directory=SqlDirectory(open_database(NOWHERE)))
    text = "tb_" + "0" * 8 + "_" + "0" * 32
    key = _with_checksum(text)
    with TestClient(build_api(away), raise_server_exceptions=False) as client:
        answer = client.get("/v1/organization", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 503


def test_a_lock_that_is_not_given_is_refused_in_time(
    wiring: Wiring, organization: Organization, migrated_database_url: str
) -> None:
    """Someone holds the table: the request waits as long as it may and says so."""
    patient = sa.create_engine(
        migrated_database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        connect_args={"options": "-c lock_timeout=200ms"},
    )
    hasty = dataclasses.replace(wiring, books=SqlBooks(patient))
    text = issue_key(wiring, organization.id, name="k", scopes=Scope).text
    engine = open_database(migrated_database_url)
    with engine.begin() as connection, TestClient(build_api(hasty)) as client:
        connection.execute(sa.text("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE"))
        answer = client.get("/v1/customers", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 503
    assert "lock timeout" in answer.json()["detail"]


def _with_checksum(body: str) -> str:
    import zlib

    from tallybook.domain.kernel.identifiers import crockford

    return body + crockford(zlib.crc32(body.encode()), 7)
