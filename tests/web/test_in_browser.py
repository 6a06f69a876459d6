"""The pages in Chromium: what scripts do, that no policy is broken, that nothing overflows."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tallybook.bootstrap.application import build_application
from tallybook.bootstrap.serving import served_beside
from tallybook.services.ports import Wiring

pytestmark = pytest.mark.browser

OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
WIDTHS = (1280, 390)
FAINT_TEXTS = (Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of the machine, or the one that `make browser` brought; skipped without either."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        except Error as error:
            reason = f"no Chromium to open pages in (make browser): {error.message.splitlines()[0]}"
            warnings.warn(reason, stacklevel=1)
            pytest.skip(reason)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, company: Any, wiring: Wiring) -> Iterator[Page]:
    """A browser signed in to the company's console. What it complains of fails the test."""
    complaints: list[str] = []
    with served_beside(build_application(wiring)) as url:
        context = browser.new_context(base_url=url)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        page.goto("/sign-in")
        page.get_by_label("API key").fill(company.key)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/invoices")
        yield page
        context.close()
    assert not complaints


def test_a_line_opens_into_its_arithmetic_and_its_events(page: Page) -> None:
    page.get_by_role("row").filter(has_text="Nordlys").get_by_role("link").click()
    line = page.locator("#line-2")
    working = line.locator(".working")
    assert not working.is_visible()
    line.locator("summary").click()
    assert working.is_visible()
    assert "Första 1 000 tokens" in working.inner_text().replace("\u00a0", " ")
    line.get_by_role("link", name="Visa händelserna").click()
    rows = line.locator("table.events tbody tr:not(.more)")
    rows.nth(24).wait_for()
    assert rows.count() == 25
    line.get_by_role("link", name="Visa fler").click()
    rows.nth(49).wait_for()
    line.get_by_role("link", name="Visa fler").click()
    rows.nth(59).wait_for()
    assert rows.count() == 60
    assert line.get_by_text("Det är alla.").is_visible()
    assert page.url.count("/lines/") == 0, "it happened within the page"


def test_counting_again_answers_within_the_page(page: Page) -> None:
    page.get_by_role("row").filter(has_text="Nordlys").get_by_role("link").click()
    page.get_by_role("button", name="Räkna om").click()
    result = page.locator("#verification .notice")
    result.wait_for()
    assert result.inner_text().startswith("Lika.")
    assert not page.url.endswith("/verify")


def test_a_customer_reads_the_invoice_by_a_link(page: Page, browser: Browser) -> None:
    page.get_by_role("row").filter(has_text="Nordlys").get_by_role("link").click()
    page.get_by_role("button", name="Link for the customer").click()
    field = page.locator("#link")
    field.wait_for()
    stranger = browser.new_context().new_page()
    stranger.goto(field.input_value())
    assert stranger.get_by_role("heading", level=1).inner_text().startswith("Faktura INV-")
    stranger.get_by_role("button", name="Räkna om").click()
    stranger.locator("#verification .notice.good").wait_for()
    stranger.context.close()


def test_nothing_reaches_beyond_the_window(page: Page) -> None:
    """No page scrolls sideways, wide or narrow, with everything on it opened."""
    page.get_by_role("row").filter(has_text="Nordlys").get_by_role("link").click()
    invoice = page.url
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for address in ("/sign-in", "/invoices", invoice, "/docs"):
            page.goto(address)
            for summary in page.locator(".entry > summary").all():
                summary.click()
            for link in page.get_by_role("link", name="Visa händelserna").all():
                link.click()
                page.locator("table.events").first.wait_for()
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{address} is {wide} px too wide at {width}"


def test_what_is_written_can_be_read_in_the_light_and_in_the_dark(page: Page) -> None:
    """Every text has a contrast of 4.5 to what is behind it, as WCAG 2.2 (AA) asks."""
    page.get_by_role("row").filter(has_text="Nordlys").get_by_role("link").click()
    invoice = page.url
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for address in ("/sign-in", "/invoices", invoice, "/docs"):
            page.goto(address)
            for summary in page.locator(".entry > summary").all():
                summary.click()
            faint = page.evaluate(FAINT_TEXTS)
            assert not faint, f"{scheme} {address}: {faint[:5]}"
