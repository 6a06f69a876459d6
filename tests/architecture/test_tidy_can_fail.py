"""A check that cannot fail proves nothing: each is shown what it is there to find."""

from __future__ import annotations

import ast

import pytest

from architecture import tidiness

DOMAIN = "src/tallybook/domain/rating/price.py"
SERVICE = "src/tallybook/services/close_period.py"
API = "src/tallybook/api/routes/usage.py"


@pytest.mark.parametrize(
    ("path", "snippet", "mend"),
    [
        (DOMAIN, "rate = 0.5", "Decimal"),
        (DOMAIN, "def f(x: float) -> None: ...", "exact"),
        (DOMAIN, "amount = float(text)", "exact"),
        (DOMAIN, "amount = round(amount, 2)", "kernel.money"),
        (DOMAIN, "amount = math.floor(amount)", "kernel.decimals"),
        (SERVICE, "rate = 1e3", "Decimal"),
        (API, "timeout = 0.5", ""),
        (DOMAIN, "amount = Decimal('0.5')", ""),
    ],
)
def test_inexact_numbers(path: str, snippet: str, mend: str) -> None:
    _expect(tidiness.inexact_numbers(path, ast.parse(snippet)), mend)


@pytest.mark.parametrize(
    ("path", "snippet", "mend"),
    [
        (DOMAIN, "at = datetime.now(UTC)", "take `now`"),
        (DOMAIN, "at = datetime.datetime.utcnow()", "take `now`"),
        (SERVICE, "day = date.today()", "take `now`"),
        (API, "clock = datetime.now", "take `now`"),
        (SERVICE, "at = time.time()", "take `now`"),
        (SERVICE, "id = uuid.uuid4()", "new_id"),
        (SERVICE, "chance = random.random()", "argument"),
        (SERVICE, "token = secrets.token_hex()", "argument"),
        ("src/tallybook/bootstrap/wire.py", "at = datetime.now(UTC)", ""),
        (SERVICE, "at = wiring.now()", ""),
        (API, "began = time.monotonic()", ""),
        ("tests/conftest.py", "at = datetime.now(UTC)", ""),
    ],
)
def test_own_clocks(path: str, snippet: str, mend: str) -> None:
    _expect(tidiness.own_clocks(path, ast.parse(snippet)), mend)


@pytest.mark.parametrize(
    ("path", "snippet", "mend"),
    [
        (SERVICE, "q = 'SELECT id FROM events WHERE 1'", "store"),
        (API, "q = '''\n  INSERT INTO events VALUES (1)'''", "store"),
        ("src/tallybook/stores/sql/invoices.py", "q = 'SELECT id FROM events'", ""),
        (SERVICE, "words = 'select a plan from the list'", ""),
    ],
)
def test_sql_outside_stores(path: str, snippet: str, mend: str) -> None:
    _expect(tidiness.sql_outside_stores(path, ast.parse(snippet)), mend)


@pytest.mark.parametrize(
    ("snippet", "mend"),
    [
        ("# TODO round", "do it now"),
        ("raise NotImplementedError", "do it now"),
        ("x = 1  # FIXME", "do it now"),
        ("# a to-do list of the customer", ""),
    ],
)
def test_unfinished(snippet: str, mend: str) -> None:
    _expect(tidiness.unfinished(DOMAIN, snippet), mend)


@pytest.mark.parametrize(
    ("snippet", "mend"),
    [
        ("HOME = '/home/ada/tallybook'", "setting"),
        ("see /work/main/x.py", "setting"),
        ("open('/opt/wheels/x.whl')", "setting"),
        ("--extra-index-url https://example.org", "index"),
        ("--index-url https://example.org", "index"),
        ("--find-links wheels", "index"),
        ("https://files.pythonhosted.org/x.whl", "index"),
        ("uv pip compile --no-emit-index-url", ""),
        ("GET /v1/home/events", ""),
        ("https://example.org/home/page", ""),
    ],
)
def test_places_of_one_machine(snippet: str, mend: str) -> None:
    _expect(tidiness.places_of_one_machine("README.md", snippet), mend)


@pytest.mark.parametrize(
    ("path", "snippet", "mend"),
    [
        ("src/tallybook/services/utils.py", "", "room"),
        (DOMAIN, "class PriceManager: ...", "keeps"),
        (DOMAIN, "class PriceHelper: ...", "does"),
        (DOMAIN, "def handle_event(): ...", "verb"),
        (DOMAIN, "def process(): ...", "verb"),
        (DOMAIN, "def process_event(): ...", "verb"),
        (DOMAIN, "def in_own_process(): ...", ""),
        (DOMAIN, "def f(data): ...", "events"),
        (DOMAIN, "info = 1", "tells"),
        (DOMAIN, "for item in rows: pass", "row"),
        (API, "def f(data): ...", ""),
        (DOMAIN, "class LineItem: ...", ""),
        (DOMAIN, "def handles_refunds(): ...", ""),
    ],
)
def test_names(path: str, snippet: str, mend: str) -> None:
    _expect(tidiness.names(path, ast.parse(snippet)), mend)


def test_sizes() -> None:
    body = "    x = 1\n" * 60
    text = f"def long():\n{body}\n@mark\ndef short():\n    y = 1\n" + "\n" * 500
    assert tidiness.sizes(DOMAIN, text, ast.parse(text)) == {DOMAIN: 565, f"{DOMAIN}::long": 61}


@pytest.mark.parametrize(
    ("measured", "allowed", "said"),
    [
        ({}, {}, ""),
        ({"a.py": 600}, {"a.py": 600}, ""),
        ({"a.py": 501}, {}, "more than 500"),
        ({"a.py::f": 61}, {}, "more than 60"),
        ({"a.py": 601}, {"a.py": 600}, "more than 600"),
        ({"a.py": 590}, {"a.py": 600}, "shrank from 600 to 590"),
        ({}, {"a.py": 600}, "within bounds"),
    ],
)
def test_the_ratchet_turns_one_way(
    measured: dict[str, int], allowed: dict[str, int], said: str
) -> None:
    found = tidiness.grown(measured, allowed)
    assert (said in found[0]) if said else not found


@pytest.mark.parametrize(
    ("revisions", "said"),
    [
        ({"0001_a": ("0001", None), "0002_b": ("0002", "0001")}, ""),
        ({"0001_a": ("0001", None), "0002_b": ("0002", None)}, "None has two successors"),
        ({"0002_b": ("0002", "0001")}, "0001 does not exist"),
        ({"0001_a": ("0007", None)}, "named otherwise"),
        ({"0001_a": ("0001", None), "0001_b": ("0001", "0001")}, "two files"),
        ({"0001_a": ("0001", "0001")}, "the first"),
    ],
)
def test_a_broken_chain(revisions: dict[str, tuple[str, str | None]], said: str) -> None:
    found = tidiness.broken_chain(revisions)
    assert any(said in line for line in found) if said else not found


def _expect(findings: object, mend: str) -> None:
    found = [str(finding) for finding in findings]  # type: ignore[attr-defined]
    assert bool(found) is bool(mend), found
    assert all(mend in line for line in found)
