"""An event store that is filled for a bench."""

from __future__ import annotations

import time

from tallybook.stores.columnar.client import Columnar

_QUIET_SECONDS = 3.0
_PATIENCE_SECONDS = 300.0


def wait_for_merges(columnar: Columnar) -> None:
    """Wait until the engine has merged what was filled in, as it has of what came over months.

    Else what is measured is the engine at work on the filling, in both of two cores.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    quiet_since = time.monotonic()
    with columnar.client() as client:
        while time.monotonic() < until:
            merging = client.query("SELECT count() FROM system.merges").result_rows[0][0]
            if merging:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > _QUIET_SECONDS:
                return
            time.sleep(0.1)
    raise TimeoutError("the engine has not done with merging")
