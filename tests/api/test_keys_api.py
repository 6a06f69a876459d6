"""Organizations and API keys over HTTP: issued once, scoped, revocable, kept apart."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Send
from litestar.types import Scope as Connection

from tallybook.api.app import build_api
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.create_organization import create_organization
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.directory import SqlDirectory

Client = TestClient[Litestar]


def _bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_key_is_shown_once_and_never_again(api: Client) -> None:
    issued = api.post("/v1/api-keys", json={"name": "ingest", "scopes": ["ingest"]})
    assert issued.status_code == 201, issued.text
    text = issued.json()["text"]
    listed = api.get("/v1/api-keys")
    assert listed.status_code == 200
    assert text not in listed.text
    assert [key["name"] for key in listed.json()["results"]] == ["tests", "ingest"]
    assert text.startswith(listed.json()["results"][1]["prefix"])


def test_of_a_key_only_its_digest_is_kept(api: Client, migrated_database_url: str) -> None:
    """Nobody who reads the database can act with what they find."""
    text = api.post("/v1/api-keys", json={"name": "n", "scopes": ["read"]}).json()["text"]
    secret = text.rpartition("_")[2]
    with open_database(migrated_database_url).connect() as connection:
        kept = connection.execute(sa.text("SELECT to_jsonb(k)::text FROM api_keys k")).scalars()
        assert all(secret not in row for row in kept)


def test_a_key_revoked_here_is_refused_at_its_next_request(api: Client) -> None:
    issued = api.post("/v1/api-keys", json={"name": "reader", "scopes": ["read"]}).json()
    mine = _bearer(issued["text"])
    assert api.get("/v1/organization", headers=mine).status_code == 200
    assert api.get("/v1/organization", headers=mine).status_code == 200
    assert api.delete(f"/v1/api-keys/{issued['id']}").status_code == 204
    refused = api.get("/v1/organization", headers=mine)
    assert refused.status_code == 401
    assert refused.json()["code"] == "revoked_api_key"
    assert api.delete(f"/v1/api-keys/{issued['id']}").status_code == 204


def test_a_look_up_under_way_does_not_bring_a_revoked_key_back(
    wiring: Wiring, organization: Organization
) -> None:
    """The row was read before it was stamped, and would be remembered after."""
    directory = wiring.directory
    assert isinstance(directory, SqlDirectory)
    key = issue_key(wiring, organization.id, name="k", scopes=Scope).key
    found, generation = directory.find_key(key.secret_sha256), directory._generation
    assert found is not None
    directory.revoke_key(organization.id, key.id, at=wiring.now())
    directory._remember(found, generation)
    assert directory.recent_key(key.secret_sha256) is None


@pytest.mark.parametrize(
    ("headers", "code", "why"),
    [
        ({}, "no_api_key", "nothing sent"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "no_api_key", "another scheme"),
        (_bearer(""), "no_api_key", "no key after the scheme"),
        (_bearer("tb_hello"), "malformed_api_key", "not our form"),
        (
            _bearer("tb_00000000_000000000000000000000000000000000vq3h5e"),
            "malformed_api_key",
            "a wrong checksum",
        ),
    ],
)
def test_who_cannot_be_told_is_not_let_in(
    api: Client, headers: dict[str, str], code: str, why: str
) -> None:
    del api.headers["Authorization"]
    refused = api.get("/v1/organization", headers=headers)
    assert refused.status_code == 401, why
    assert refused.json()["code"] == code, why
    assert refused.headers["www-authenticate"].startswith("Bearer"), why


def test_a_key_of_form_that_nobody_was_given_is_not_let_in(
    api: Client, wiring: Wiring, organization: Organization
) -> None:
    other = issue_key(wiring, organization.id, name="k", scopes=Scope)
    flipped = "tb_" + other.text[3:].replace(other.text[3], "0" if other.text[3] != "0" else "1", 1)
    assert api.get("/v1/organization", headers=_bearer(flipped)).status_code == 401


@pytest.mark.parametrize(
    ("scope", "method", "path", "is_let_in"),
    [
        ("read", "GET", "/v1/api-keys", True),
        ("write", "GET", "/v1/api-keys", False),
        ("ingest", "GET", "/v1/api-keys", False),
        ("write", "DELETE", "/v1/api-keys/key_none", True),
        ("read", "DELETE", "/v1/api-keys/key_none", False),
        ("ingest", "DELETE", "/v1/api-keys/key_none", False),
    ],
)
def test_a_key_does_what_its_scopes_say(
    api: Client, scope: str, method: str, path: str, is_let_in: bool
) -> None:
    text = api.post("/v1/api-keys", json={"name": "k", "scopes": [scope]}).json()["text"]
    answer = api.request(method, path, headers=_bearer(text))
    assert (answer.status_code != 403) is is_let_in


def test_a_key_grants_no_more_than_it_has(api: Client) -> None:
    body = {"name": "w", "scopes": ["write"]}
    writer = _bearer(api.post("/v1/api-keys", json=body).json()["text"])
    assert api.post("/v1/api-keys", json=body, headers=writer).status_code == 201
    more = api.post("/v1/api-keys", json={"name": "r", "scopes": ["read"]}, headers=writer)
    assert more.status_code == 403
    assert more.json()["code"] == "scope_beyond_own"


def test_the_keys_of_another_organization_are_out_of_reach(api: Client, wiring: Wiring) -> None:
    other = create_organization(wiring, key="other", name="Other")
    theirs = issue_key(wiring, other.id, name="theirs", scopes=Scope)
    assert api.delete(f"/v1/api-keys/{theirs.key.id}").status_code == 404
    assert theirs.key.id not in api.get("/v1/api-keys").text
    answer = api.get("/v1/organization", headers=_bearer(theirs.text))
    assert answer.json()["key"] == "other"


def test_health_needs_no_key(api: Client) -> None:
    del api.headers["Authorization"]
    assert api.get("/v1/health").json()["status"] == "ok"
    assert api.get("/v1/organization").status_code == 401


def _from(address: str, app: ASGIApp) -> ASGIApp:
    """The application as reached from that address."""

    async def reached(scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            scope["client"] = (address, 50000)
        await app(scope, receive, send)

    return reached


class TestOperator:
    """The operator's token: in memory, on this machine, above every organization."""

    def test_it_makes_the_first_organization_and_acts_for_it(self, wiring: Wiring) -> None:
        with self._client(wiring) as operator:
            assert operator.get("/v1/organization").json()["code"] == "no_such_organization"
            made = operator.post("/v1/organizations", json={"key": "one", "name": "One"})
            assert made.status_code == 201, made.text
            operator.post("/v1/organizations", json={"key": "two", "name": "Two"})
            assert operator.get("/v1/organization").json()["key"] == "one"
            named = operator.get("/v1/organization", headers={"Tallybook-Organization": "two"})
            assert named.json()["key"] == "two"
            mine = _bearer(made.json()["api_key"])
            assert operator.get("/v1/organization", headers=mine).json()["key"] == "one"
            again = operator.post("/v1/organizations", json={"key": "one", "name": "One"})
            assert again.status_code == 409

    def test_it_is_no_good_from_elsewhere(self, wiring: Wiring) -> None:
        with self._client(wiring, "192.0.2.7") as operator:
            refused = operator.get("/v1/organizations")
        assert refused.status_code == 401
        assert refused.json()["code"] == "operator_elsewhere"

    def test_no_api_key_stands_in_for_it(self, api: Client) -> None:
        assert api.get("/v1/organizations").json()["code"] == "operator_only"
        assert api.post("/v1/console-links").json()["code"] == "operator_only"

    def test_without_one_nobody_is_the_operator(self, wiring: Wiring) -> None:
        with TestClient(_from("127.0.0.1", build_api(wiring))) as client:
            assert client.get("/v1/organizations", headers=_bearer("")).status_code == 401
            assert client.get("/v1/organizations", headers=_bearer("x")).status_code == 403

    @staticmethod
    def _client(wiring: Wiring, address: str = "127.0.0.1") -> TestClient[ASGIApp]:
        app = build_api(wiring, operator_token="tbo_test")
        client = TestClient(_from(address, app))
        client.headers.update(_bearer("tbo_test"))
        return client
