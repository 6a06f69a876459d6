"""A usage price that shrinks, in a catalog file: applied, applied again, copied, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CATALOG = """
[meters.calls]
name = "Calls"
event_type = "call"
aggregation = { type = "count" }

[plans.basic]
name = "Basic"
currency = "EUR"

[plans.basic.prices.calls]
name = "Calls"
meter = "calls"
allowance = 60
prorates = "PRORATES"
rule = { model = "per_unit", unit_amount = 1 }
"""


def test_prorates_is_code_too(tallybook: Any, tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("PRORATES", "units"))
    tallybook("apply", str(path), "--yes")
    assert "prorates" not in tallybook("apply", str(path), "--dry-run").out, "it says the same"
    assert "allowance 60, prorates units" in tallybook("plan", "show", "basic").out
    tallybook("plan", "copy", "basic", "other", "--name", "Other")
    (copied,) = tallybook("plan", "draft", "other", "--json").json["terms"]["prices"]
    assert copied["prorates"] == "units"
    path.write_text(CATALOG.replace("PRORATES", "none"))
    told = tallybook("apply", str(path), "--dry-run").out
    assert "prorates" in told
    path.write_text(CATALOG.replace("PRORATES", "half"))
    assert "prorates" in tallybook("apply", str(path), code=1).err
