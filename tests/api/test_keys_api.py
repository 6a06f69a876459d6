"""API keys over HTTP: issued once, scoped, revocable."""

from __future__ import annotations

from litestar import Litestar
from litestar.testing import TestClient


def test_a_key_is_shown_once_and_never_again(api: TestClient[Litestar]) -> None:
    issued = api.post("/v1/api-keys", json={"name": "ingest", "scopes": ["ingest"]})
    assert issued.status_code == 201, issued.text
    text = issued.json()["text"]
    listed = api.get("/v1/api-keys")
    assert listed.status_code == 200
    assert text not in listed.text
    assert [key["name"] for key in listed.json()["results"]] == ["tests", "ingest"]
    assert text.startswith(listed.json()["results"][1]["prefix"])


def test_a_key_revoked_here_is_refused_at_its_next_request(api: TestClient[Litestar]) -> None:
    issued = api.post("/v1/api-keys", json={"name": "reader", "scopes": ["read"]}).json()
    mine = {"Authorization": f"Bearer {issued['text']}"}
    assert api.get("/v1/organization", headers=mine).status_code == 200
    assert api.get("/v1/organization", headers=mine).status_code == 200
    assert api.delete(f"/v1/api-keys/{issued['id']}").status_code == 204
    refused = api.get("/v1/organization", headers=mine)
    assert refused.status_code == 401
    assert refused.json()["code"] == "revoked_api_key"
    assert api.delete(f"/v1/api-keys/{issued['id']}").status_code == 204


def test_health_needs_no_key(api: TestClient[Litestar]) -> None:
    del api.headers["Authorization"]
    assert api.get("/v1/health").status_code in {200, 500}
    assert api.get("/v1/organization").status_code == 401
