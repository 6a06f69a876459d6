"""Whatever is done to requests, in whatever order: each event once, in order, all accounted for."""

from __future__ import annotations

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from sdk_server import KEY, Behaviour, serving
from tallybook_sdk import Client, Settings

PATIENT = Settings(
    linger_seconds=0.001,
    backoff_seconds=0.001,
    max_backoff_seconds=0.002,
    max_queued_events=60,
    max_batch_events=40,
    batch_events=10,
    max_fault_attempts=100,
    spool_fsync=False,
    timeout_seconds=5,
)

_fates = st.sampled_from(
    [
        Behaviour(),
        Behaviour(drops_before=True),
        Behaviour(drops_after=True),
        Behaviour(503),
        Behaviour(500),
        Behaviour(413),
        Behaviour(200, body=b"{}"),
        Behaviour(302),
    ]
)
_steps = st.lists(
    st.one_of(
        st.integers(1, 90).map(lambda count: ("track", count)),
        st.just(("flush", 0)),
        st.just(("restart", 0)),
        st.just(("reopen", 0)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_fates, max_size=12), _steps)
def test_with_a_spool_every_event_counts_once_and_in_order(
    fates: list[Behaviour], steps: list[tuple[str, int]]
) -> None:
    """Also when memory is small, the server restarts, and clients end and begin in between."""
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        server.misbehave([fate for fate in fates if fate.status != 413])

        def opened() -> Client:
            return Client(server.url, KEY, source="s", settings=PATIENT, spool_dir=folder)

        client = opened()
        ids: list[str] = []
        for step, count in steps:
            if step == "track":
                ids += [client.track("t", "acme", n=n) for n in range(count)]
            elif step == "flush":
                client.flush(0.01)
            elif step == "restart":
                server.stop()
                server.start()
            else:
                assert client.close(0.01)
                client = opened()
        assert all(ids), "there is room on disk"
        assert client.flush(30)
        assert client.close()
        assert server.books.ids() == ids


@settings(max_examples=40, deadline=None)
@given(st.lists(_fates, max_size=12), st.integers(1, 60))
def test_every_event_tracked_is_accounted_for(fates: list[Behaviour], count: int) -> None:
    """Accepted, a duplicate or refused: the counts add up, and the server agrees."""
    with serving() as server:
        server.misbehave(fates)
        with Client(server.url, KEY, source="s", settings=PATIENT) as client:
            ids = [client.track("t", "acme", n=n) for n in range(count)]
            assert client.flush(30)
            stats = client.stats()
        taken = server.books.ids()
    assert stats.tracked == count == len([each for each in ids if each])
    assert stats.accepted + stats.duplicates + stats.refused == count
    answered = stats.accepted + stats.duplicates
    # An event may be taken unheard of, and refused when it comes again.
    assert answered <= len(taken) <= answered + stats.refused
    assert taken == [each for each in ids if each in {*taken}], "in order"
