"""A usage file from the command line: counted once, accounted for row by row, resumed."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tallybook.cli.importing.checkpoint import Checkpoint, content_hash
from tallybook.cli.importing.importer import Import
from tallybook.cli.importing.mapping import FileMapping, read_mapping
from tallybook.cli.importing.rejected import RejectedFile
from tallybook.cli.importing.report import Report

HEADER = "request,at,account,tokens\n"
ROWS = [f"r{n},2026-03-{n:02}T10:00:00Z,acme,{n}.50\n" for n in range(1, 21)]
MAPPED = ("--type", "=call", "--customer", "account", "--time", "at", "--id", "request")
MAPPING = {"type": "=call", "customer": "account", "time": {"column": "at"}, "id": ["request"]}


@pytest.fixture
def usage_file(tmp_path: Path) -> Path:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + "".join(ROWS))
    return path


def tokens(tallybook: Any) -> str:
    """What a meter over the file's column counts."""
    tallybook(
        "meter", "create", "tokens", "--event-type", "call", "-a", "sum", "--value", "tokens"
    )  # fmt: skip
    rows = tallybook("usage", "tokens", "--period", "2026-03", "--json").json["results"]
    return str(rows[0]["quantity"]) if rows else "0"


def test_a_file_counts_once_however_often_it_is_sent(tallybook: Any, usage_file: Path) -> None:
    report = tallybook("ingest", str(usage_file), *MAPPED, "--json").json
    assert (report["rows"], report["verdicts"]) == (20, {"accepted": 20})
    again = tallybook("ingest", str(usage_file), *MAPPED, "--batch-size", "3", "--json").json
    assert again["verdicts"] == {"duplicate": 20}
    assert tokens(tallybook) == "220"


def test_a_file_that_grew_adds_its_new_rows(tallybook: Any, usage_file: Path) -> None:
    by_row = (*MAPPED[:-1], "@row")
    tallybook("ingest", str(usage_file), *by_row)
    with usage_file.open("a") as file:
        file.write("r21,2026-03-21T10:00:00Z,acme,100\n")
    report = tallybook("ingest", str(usage_file), *by_row, "--json").json
    assert report["verdicts"] == {"accepted": 1, "duplicate": 20}


def test_every_row_that_does_not_count_is_reported_by_its_number(
    tallybook: Any, tmp_path: Path
) -> None:
    path = tmp_path / "usage.csv"
    bad = ["r1,2026-03-01T10:00:00Z,acme,99\n", "r30,yesterday,acme,1\n", "r31,,\n"]
    bad += ["r32,2026-03-01T10:00:00Z,,1\n"]
    path.write_text(HEADER + ROWS[0] + "".join(bad))
    kept = tmp_path / "rejected.ndjson"
    ran = tallybook("ingest", str(path), *MAPPED, "--rejected", str(kept), "--json", code=1)
    assert ran.json["verdicts"] == {"accepted": 1, "conflict": 1, "rejected": 1}
    assert ran.json["unreadable"] == 2
    problems = {one["row"]: one for one in map(json.loads, kept.read_text().splitlines())}
    assert {row: one["verdict"] for row, one in problems.items()} == {
        2: "conflict", 3: "unreadable", 4: "unreadable", 5: "rejected",
    }  # fmt: skip
    assert problems[3]["field"] == "time"
    assert problems[3]["event"]["at"] == "yesterday", "the row itself, to be mended"
    assert problems[5]["field"] == "customer"
    shown = tallybook("ingest", str(path), *MAPPED, code=1).out
    assert "yesterday" in shown
    assert "conflict" in shown


def test_rows_are_chosen_and_properties_selected(tallybook: Any, usage_file: Path) -> None:
    report = tallybook(
        "ingest", str(usage_file), *MAPPED, "--where", "request!=r1", "-p", "tokens=tokens",
        "--json",
    ).json  # fmt: skip
    assert (report["skipped"], report["verdicts"]) == (1, {"accepted": 19})
    assert tokens(tallybook) == "218.5"


def test_a_dry_run_shows_the_events_and_sends_none(tallybook: Any, usage_file: Path) -> None:
    shown = tallybook("ingest", str(usage_file), *MAPPED, "--dry-run").json
    assert shown[0] == {
        "id": "r1",
        "source": "file",
        "type": "call",
        "customer": "acme",
        "time": "2026-03-01T10:00:00Z",
        "properties": {"tokens": "1.50"},
    }
    assert tokens(tallybook) == "0"


def test_a_mapping_that_cannot_work_is_refused_before_anything_is_sent(
    tallybook: Any, usage_file: Path
) -> None:
    ran = tallybook("ingest", str(usage_file), "--type", "call", *MAPPED[2:], code=1)
    assert "no column 'call'" in ran.err
    assert "=call" in ran.err, "the mend"
    tallybook("ingest", str(usage_file.with_name("absent.csv")), *MAPPED, code=1)
    assert tokens(tallybook) == "0"


def test_parquet_and_gzipped_json_come_to_the_same_events_as_csv(
    tallybook: Any, usage_file: Path, tmp_path: Path
) -> None:
    """By one mapping, kept in a file beside them."""
    cells = [line.rstrip().split(",") for line in ROWS]
    columns = dict(zip(HEADER.rstrip().split(","), zip(*cells, strict=True), strict=True))
    typed = {
        "request": pa.array(columns["request"]),
        "at": pa.array([datetime.fromisoformat(at) for at in columns["at"]]),
        "account": pa.array(columns["account"]),
        "tokens": pa.array([Decimal(tokens) for tokens in columns["tokens"]]),
    }
    pq.write_table(pa.table(typed), tmp_path / "usage.parquet")
    objects = [dict(zip(columns, row, strict=True)) for row in cells]
    with gzip.open(tmp_path / "usage.ndjson.gz", "wt") as lines:
        lines.writelines(json.dumps(one) + "\n" for one in objects)
    mapping = tmp_path / "map.toml"
    mapping.write_text(
        'type = "=call"\ncustomer = "account"\ntime = "at"\nid = "request"\n'
        '[properties]\ntokens = "tokens"\n'
    )
    sent = ("--mapping", str(mapping), "--json")
    assert tallybook("ingest", str(usage_file), *sent).json["verdicts"] == {"accepted": 20}
    for name in ("usage.ndjson.gz", "usage.parquet"):
        again = tallybook("ingest", str(tmp_path / name), *sent).json
        assert again["verdicts"] == {"duplicate": 20}
    assert tokens(tallybook) == "220"


class Cut(httpx.BaseTransport):
    """A line that is cut after some requests."""

    def __init__(self, client: TestClient[Litestar], requests: int) -> None:
        self._client, self._left = client, requests

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        body = request.read()
        answer = self._client.post(
            str(request.url.raw_path, "ascii"), content=body, headers=dict(request.headers)
        )
        return httpx.Response(answer.status_code, content=answer.content)


def broken_off(
    api: TestClient[Litestar], path: Path, mapping: FileMapping, rejected: Path | None = None
) -> None:
    """An import that ends by Ctrl-C after three batches of two."""
    headers = {"Authorization": api.headers["Authorization"]}
    cut = httpx.Client(base_url="http://cut", headers=headers, transport=Cut(api, 3))
    wanted = Import(path, mapping, 2, connections=1, rejected=RejectedFile(rejected))
    with pytest.raises(KeyboardInterrupt):
        wanted.run(cut, "here")


def test_an_import_that_broke_off_goes_on_where_it_was(
    tallybook: Any, api: TestClient[Litestar], usage_file: Path
) -> None:
    mapping = read_mapping(None, MAPPING)
    broken_off(api, usage_file, mapping)
    report = Import(usage_file, mapping, batch_size=2).run(api, "here")
    assert report.resumed == 6
    assert report.verdicts == {"accepted": 20}, "of the whole import"
    assert tokens(tallybook) == "220"
    assert Import(usage_file, mapping).run(api, "here").resumed == 0, "it was complete"


@pytest.mark.parametrize(
    ("first", "second", "resumed", "why"),
    [
        ("r.ndjson", "r.ndjson", 6, "the same file is gone on with"),
        ("r.ndjson", None, 6, "the report tells of all, too"),
        (None, "r.ndjson", 0, "what did not count before is in no file: it is sent again"),
        ("other.ndjson", "r.ndjson", 0, "it is in another file"),
    ],
)
def test_what_did_not_count_before_an_import_broke_off_is_told_after_it(
    api: TestClient[Litestar],
    tmp_path: Path,
    first: str | None,
    second: str | None,
    resumed: int,
    why: str,
) -> None:
    """Rows without a time or a customer are in its first batches and in its last."""
    bad = ["b1,yesterday,acme,1\n", "b2,2026-03-01T10:00:00Z,,1\n"]
    path = tmp_path / "usage.csv"
    path.write_text(HEADER + "".join([*ROWS[:2], *bad, *ROWS[2:], "b3,,acme,1\n"]))
    mapping = read_mapping(None, MAPPING)
    broken_off(api, path, mapping, tmp_path / first if first else None)
    rejected = RejectedFile(tmp_path / second if second else None)
    report = Import(path, mapping, batch_size=2, rejected=rejected).run(api, "here")
    assert (report.rows, report.resumed, report.unreadable) == (23, resumed, 2), why
    assert report.verdicts["rejected"] == 1
    assert not report.is_clean, why
    assert sorted(problem.row for problem in report.problems) == [3, 4, 23], why
    if second:
        lines = (tmp_path / second).read_text().splitlines()
        assert sorted(json.loads(line)["row"] for line in lines) == [3, 4, 23], why


def test_a_file_for_what_did_not_count_that_cannot_be_written_is_told(
    tallybook: Any, usage_file: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "absent" / "rejected.ndjson"
    ran = tallybook("ingest", str(usage_file), *MAPPED, "--rejected", str(nowhere), code=1)
    assert "rejected.ndjson: cannot be written" in ran.err
    assert tokens(tallybook) == "0"


def test_a_checkpoint_is_not_believed_where_the_server_does_not_know_the_rows(
    tallybook: Any, api: TestClient[Litestar], usage_file: Path
) -> None:
    """The data directory was deleted, say, or restored from before."""
    mapping = read_mapping(None, MAPPING)
    checkpoint = Checkpoint(usage_file, content_hash(usage_file), mapping, "here")
    checkpoint.rows_done = 12
    checkpoint.save(Report(usage_file.name, rows=12), RejectedFile())
    report = Import(usage_file, mapping, batch_size=4).run(api, "here")
    assert report.resumed == 0
    assert report.verdicts["accepted"] + report.verdicts["duplicate"] == 20
    assert tokens(tallybook) == "220"


def test_another_mapping_of_the_same_file_is_another_import(
    api: TestClient[Litestar], tallybook: Any, usage_file: Path
) -> None:
    broken_off(api, usage_file, read_mapping(None, MAPPING))
    other = read_mapping(None, MAPPING | {"type": "=other"})
    assert Import(usage_file, other, batch_size=2).run(api, "here").resumed == 0
