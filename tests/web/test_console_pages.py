"""The console without a browser: who gets in, what is shown, what is not let through."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
PART = {"HX-Request": "true"}


def _text(html: str) -> str:
    """What is read on a page: no tags, single spaces, no narrow or hard ones."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def _form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


class TestEntering:
    """Into the console and out of it."""

    @pytest.mark.parametrize(
        "path", ["/invoices", "/invoices/inv_x", "/invoices/inv_x/lines/1/events"]
    )
    def test_who_is_not_signed_in_is_sent_to_do_so(self, company: Any, path: str) -> None:
        answer = company.client.get(path, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/sign-in?next={path}"
        part = company.client.get(path, headers=PART, follow_redirects=False)
        assert part.status_code == 401
        assert part.headers["hx-redirect"] == f"/sign-in?next={path}"

    def test_a_wrong_key_is_told_what_is_wrong_with_it(self, company: Any) -> None:
        answer = company.client.post("/sign-in", data={"api_key": "tb_hello"})
        assert answer.status_code == 403
        assert "not an API key of Tallybook" in _text(answer.text)

    def test_a_key_that_may_not_read_shows_nothing(self, company: Any) -> None:
        key = company.post("/v1/api-keys", {"name": "i", "scopes": ["ingest"]})["text"]
        assert company.client.post("/sign-in", data={"api_key": key}).status_code == 403

    def test_the_session_is_in_a_cookie_that_only_this_site_gets(self, company: Any) -> None:
        answer = company.client.post(
            "/sign-in", data={"api_key": company.key}, follow_redirects=False
        )
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert company.key not in cookie

    @pytest.mark.parametrize(
        ("following", "leads_to"),
        [
            ("/invoices/inv_1", "/invoices/inv_1"),
            ("https://elsewhere.example/", "/invoices"),
            ("//elsewhere.example", "/invoices"),
            ("/\\elsewhere.example", "/invoices"),
            ("javascript:alert(1)", "/invoices"),
            ("/a\r\nSet-Cookie: x=y", "/invoices"),
            ("", "/invoices"),
        ],
    )
    def test_after_it_nobody_is_led_elsewhere(
        self, company: Any, following: str, leads_to: str
    ) -> None:
        body = {"api_key": company.key, "next": following}
        answer = company.client.post("/sign-in", data=body, follow_redirects=False)
        assert answer.headers["location"] == leads_to

    def test_the_session_ends_with_its_key(self, company: Any, console: Client) -> None:
        assert console.get("/invoices", follow_redirects=False).status_code == 200
        for key in company.get("/v1/api-keys")["results"]:
            company.client.delete(
                f"/v1/api-keys/{key['id']}", headers={"Authorization": f"Bearer {company.key}"}
            )
        assert console.get("/invoices", follow_redirects=False).status_code == 303

    def test_a_changed_cookie_is_nobody(self, console: Client) -> None:
        text = console.cookies["tallybook_session"]
        console.cookies["tallybook_session"] = text[:-2] + ("aa" if text[-2:] != "aa" else "bb")
        assert console.get("/invoices", follow_redirects=False).status_code == 303

    def test_signing_out_takes_our_own_form(self, console: Client) -> None:
        page = console.get("/invoices").text
        assert console.post("/sign-out", data={"form_token": "guess"}).status_code == 403
        left = console.post(
            "/sign-out", data={"form_token": _form_token(page)}, follow_redirects=False
        )
        assert left.headers["location"] == "/sign-in"
        assert console.get("/invoices", follow_redirects=False).status_code == 303

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://elsewhere.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "null"},
        ],
    )
    def test_forms_of_other_sites_are_refused(self, company: Any, headers: dict[str, str]) -> None:
        answer = company.client.post("/sign-in", data={"api_key": company.key}, headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.text


class TestReading:
    """What the pages say."""

    def test_the_list_shows_what_was_billed(self, console: Client) -> None:
        said = _text(console.get("/invoices").text)
        assert "Nordlys <Studio>" in said
        assert "Mar 1 – 31, 2026" in said
        assert "€62.98" in said, "49 + 10.00 + 530 × 0.0075 = 62.975, rounded once at the line"

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("", 3),
            ("?customer=kessler", 1),
            ("?customer=nobody", 0),
            ("?status=open", 3),
            ("?status=draft", 0),
            ("?status=unheard-of", 3),
        ],
    )
    def test_the_list_can_be_narrowed(self, console: Client, query: str, count: int) -> None:
        page = console.get(f"/invoices{query}")
        assert page.status_code == 200
        assert page.text.count('class="row') == count

    def test_an_invoice_reads_in_its_customers_language(
        self, company: Any, console: Client
    ) -> None:
        said = _text(console.get(f"/invoices/{company.invoice_id('nordlys')}").text)
        assert "Faktura" in said
        assert "62,98 €" in said
        assert "1–31 mars 2026" in said
        assert "Första 1 000 tokens à 0,01 €" in said
        assert "13,975 €" in said, "the sum is shown before it is rounded"
        assert "Räknat från 60 händelser" in said
        german = _text(console.get(f"/invoices/{company.invoice_id('kessler')}").text)
        assert "Rechnung" in german
        assert "49,00 €" in german

    def test_texts_of_others_are_shown_and_never_run(self, company: Any, console: Client) -> None:
        path = f"/invoices/{company.invoice_id('nordlys')}"
        assert "<Studio>" not in console.get(path).text
        events = console.get(f"{path}/lines/2/events", headers=PART).text
        assert "<script>" not in events
        assert "&lt;script&gt;" in events

    def test_the_events_behind_a_line_are_paged_to_the_last(
        self, company: Any, console: Client
    ) -> None:
        path = f"/invoices/{company.invoice_id('nordlys')}/lines/2/events"
        seen: list[str] = []
        following: str | None = path
        while following:
            part = console.get(following, headers=PART).text
            seen += re.findall(r"<code>(call-\d+)</code>", part)
            found = re.search(r'hx-get="([^"]+)"', part)
            following = unescape(found[1]) if found else None
        assert len(seen) == 60
        assert len(set(seen)) == 60
        page = console.get(path)
        assert "<html" in page.text, "without a script it is a page of its own"

    def test_counting_again_says_equal(self, company: Any, console: Client) -> None:
        path = f"/invoices/{company.invoice_id('nordlys')}"
        token = {"form_token": _form_token(console.get(path).text)}
        part = console.post(f"{path}/verify", data=token, headers=PART)
        assert "2 rader räknades om från 60 händelser" in _text(part.text)
        assert "<html" not in part.text
        page = console.post(f"{path}/verify", data=token)
        assert "<html" in page.text
        assert "2 rader räknades om från 60 händelser" in _text(page.text)

    def test_what_is_not_there_is_said_in_a_page(self, company: Any, console: Client) -> None:
        missing = console.get("/invoices/inv_none")
        assert missing.status_code == 404
        assert "There is no invoice" in _text(missing.text)
        line = console.get(f"/invoices/{company.invoice_id('nordlys')}/lines/9/events")
        assert line.status_code == 404
        nowhere = console.get("/nowhere", headers={"Accept": "text/html"})
        assert nowhere.status_code == 404
        assert "There is no such page" in nowhere.text
        program = console.get("/nowhere", headers={"Accept": "application/json"})
        assert program.json()["code"] == "no_such_path"


class TestSharing:
    """One invoice for its customer, by a link."""

    def test_a_link_opens_one_invoice_to_whoever_has_it(
        self, company: Any, console: Client
    ) -> None:
        path = f"/invoices/{company.invoice_id('nordlys')}"
        token = {"form_token": _form_token(console.get(path).text)}
        made = console.post(f"{path}/share", data=token, headers=PART).text
        link = re.search(r'value="http://testserver([^"]+)"', made)
        assert link is not None, made
        shared = link[1]
        console.cookies.clear()
        page = console.get(shared)
        assert page.status_code == 200
        assert "Faktura" in page.text
        assert "Sign out" not in page.text
        assert "/invoices/" not in page.text.replace(f"{shared}/", ""), "it leads nowhere else"
        assert "call-000" in console.get(f"{shared}/lines/2/events", headers=PART).text
        assert "60 händelser" in _text(console.post(f"{shared}/verify", headers=PART).text)

    def test_a_link_is_taken_back(self, company: Any, console: Client) -> None:
        path = f"/invoices/{company.invoice_id('nordlys')}"
        form = {"form_token": _form_token(console.get(path).text)}
        pages = [console.post(f"{path}/share", data=form, headers=PART).text for _ in "ab"]
        first, second = (re.findall(r'value="http://testserver([^"]+)"', page)[0] for page in pages)
        latest, *_ = re.findall(
            rf'action="({path}/links/[^"]+)"', console.get(f"{path}/links").text
        )
        assert console.post(latest, headers=PART).status_code == 403, "not without the form"
        page = console.post(latest, data=form, headers=PART).text
        assert latest not in page
        console.cookies.clear()
        assert console.get(first).status_code == 200, "the other one stays"
        for address in (second, f"{second}/lines/2/events"):
            gone = console.get(address)
            assert gone.status_code == 410
            assert "taken back" in _text(gone.text)
        assert console.post(f"{second}/verify").status_code == 410

    @pytest.mark.parametrize("token", ["x", "a.b", "WyJvcmciXQ.AAAA"])
    def test_a_link_that_we_did_not_make_opens_nothing(self, company: Any, token: str) -> None:
        answer = company.client.get(f"/share/{token}")
        assert answer.status_code == 404
        assert "not valid" in answer.text


class TestAssets:
    """Served from the package, kept for ever, nothing from elsewhere."""

    def test_pages_load_only_what_this_server_has(self, console: Client) -> None:
        page = console.get("/invoices").text
        for address in re.findall(r'(?:src|href)="([^"#]+)"', page):
            assert address.startswith("/"), address
            assert console.get(address).status_code == 200, address
        assert not re.search(r"<style|<script>| style=| on\w+=", page), "no inline script or style"

    def test_an_asset_may_be_kept_for_ever_under_its_own_version_only(
        self, console: Client
    ) -> None:
        path = re.search(r'href="(/assets/[^"]+\.css)"', console.get("/sign-in").text)
        assert path is not None
        assert "immutable" in console.get(path[1]).headers["cache-control"]
        version = path[1].split("/")[2]
        stale = console.get(path[1].replace(version, "0" * 12))
        assert stale.headers["cache-control"] == "no-store"
        assert console.get("/assets/x/nothing.css").status_code == 404


class TestReference:
    """`/docs`, from the API's own description."""

    def test_every_operation_is_described(self, company: Any) -> None:
        document = company.client.get("/openapi.json").json()
        page = company.client.get("/docs").text
        for path, methods in document["paths"].items():
            for operation in methods.values():
                assert f'id="{operation["operationId"]}"' in page, path
                assert operation["summary"], path
        assert not re.search(r"https?://", re.sub(r'"http://testserver[^"]*"', "", page))
