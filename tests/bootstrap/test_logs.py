"""What the program says of a fault: where it was, never what a caller sent."""

from __future__ import annotations

import json
import subprocess
import sys

FAILING = """
from litestar import Request, get
from litestar.testing import TestClient
from litestar import Router
from tallybook.api.app import build_api
from tallybook.bootstrap.logs import RequestLog, configure_logs

@get("/fail", sync_to_thread=False)
def fail(request: Request) -> None:
    kept_for_later = request.headers["authorization"]
    raise RuntimeError("it broke")

configure_logs()
app = RequestLog(build_api(None, [Router("/", route_handlers=[fail])]))
with TestClient(app, raise_server_exceptions=False) as client:
    client.get("/fail?key=tb_in_the_query", headers={"Authorization": "Bearer tb_in_a_header"})
"""


def test_a_fault_is_told_with_its_trace_and_without_what_was_sent() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    fault, request = (
        next(line for line in lines if line["event"] == event) for event in ("fault", "request")
    )
    assert fault["exception"][0]["exc_value"] == "it broke"
    assert fault["exception"][0]["frames"][-1]["name"] == "fail"
    assert request["status"] == 500
    assert request["request_id"] == fault["request_id"], "both tell which request it was"
    assert "tb_in_" not in ran.stderr
