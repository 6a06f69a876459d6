"""Ends and beginnings of processes: nothing is left behind, nothing is sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sdk_server import KEY, Behaviour, Server, eventually, serving

PREFACE = """
import os, sys, time
from tallybook_sdk import Client, Settings
settings = Settings(linger_seconds=0.05, backoff_seconds=0.02, max_backoff_seconds=0.1,
                    exit_seconds=3)
def made(**given):
    return Client(sys.argv[1], sys.argv[2], settings=settings, **given)
"""


def started(server: Server, program: str, *arguments: str, **given: Any) -> subprocess.Popen[str]:
    """A process that runs `program` after the preface."""
    code = PREFACE + textwrap.dedent(program)
    command = [sys.executable, "-c", code, server.url, KEY, *arguments]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, **given)


def ran(server: Server, program: str, *arguments: str) -> str:
    """What it wrote to standard error, once it ended well."""
    with started(server, program, *arguments) as running:
        _, complaints = running.communicate(timeout=60)
    assert running.returncode == 0, complaints
    return complaints


def numbers(server: Server) -> list[int]:
    return [event["properties"]["n"] for event in server.books.events.values()]


def test_the_end_of_the_process_sends_what_waits() -> None:
    with serving() as server:
        ran(server, 'c = made(source="s"); [c.track("t", "acme", n=n) for n in range(300)]')
        assert numbers(server) == [*range(300)]


def test_an_uncaught_exception_sends_what_waits() -> None:
    with serving() as server:
        program = 'c = made(source="s"); c.track("t", "acme", n=1); 1 / 0'
        with started(server, program) as running:
            assert "ZeroDivisionError" in running.communicate(timeout=60)[1]
        assert numbers(server) == [1]


def test_an_event_tracked_while_the_process_ends() -> None:
    with serving() as server:
        program = """
        import atexit
        c = made(source="s")
        atexit.register(lambda: c.track("t", "acme", n=2))
        atexit.register(lambda: made(source="late").track("t", "acme", n=3))
        c.track("t", "acme", n=1)
        """
        ran(server, program)
        assert 1 in numbers(server)
        assert 2 in numbers(server), "registered after the client, run before its end"


def test_the_end_of_the_process_does_not_wait_long_and_tells() -> None:
    with serving(started=False) as server:
        began = time.monotonic()
        complaints = ran(server, 'c = made(source="s"); c.track("t", "acme", n=1)')
        assert time.monotonic() - began < 20
        assert "lost: 1 event(s): the client was closed before the server took them" in complaints


def test_the_next_process_sends_what_this_one_could_not(tmp_path: Path) -> None:
    program = """
    c = made(source="s", spool_dir=sys.argv[3])
    for n in range(int(sys.argv[4]), int(sys.argv[4]) + 50):
        c.track("t", "acme", n=n)
    """
    with serving(started=False) as server:
        ran(server, program, str(tmp_path), "0")
        ran(server, program, str(tmp_path), "50")
        server.start()
        ran(server, program, str(tmp_path), "100")
        assert numbers(server) == [*range(150)], "all, in order"
        assert server.books.repeats == 0
        assert not [*tmp_path.rglob("*.segment")]


def test_a_client_alone_sends_what_is_left(tmp_path: Path) -> None:
    with serving(started=False) as server:
        program = 'c = made(source="s", spool_dir=sys.argv[3]); c.track("t", "acme", n=1)'
        ran(server, program, str(tmp_path))
        server.start()
        ran(server, "assert made(spool_dir=sys.argv[3]).flush(10)", str(tmp_path))
        assert numbers(server) == [1], "without tracking anything itself"


TRACKING = """
    c = made(source="s", spool_dir=sys.argv[3])
    first, is_up = int(sys.argv[4]), sys.argv[5] == "True"
    n = first
    while True:
        c.track("t", "acme", id=str(n), n=n)
        n += 1
        if n % 10 == 0:
            tracked = n - first
            if is_up and n % 100 == 0:
                assert c.flush(60)
                kept = tracked
            elif not is_up:
                kept = c.stats().spooled
            else:
                continue
            os.write(1, b"%d %d\\n" % (tracked, kept))
            time.sleep(0.002)
"""


def killed_after(running: subprocess.Popen[str], lines: int) -> list[tuple[int, int]]:
    """What a process told of its progress: so many tracked, of these so many kept. It is killed
    once it has told it so often of ever more that is kept, whatever it does just then."""
    assert running.stdout is not None
    told: list[tuple[int, int]] = []
    while len({kept for _, kept in told if kept}) < lines:
        line = running.stdout.readline()
        assert line.endswith("\n"), "it has ended by itself"
        tracked, kept = map(int, line.split())
        told.append((tracked, kept))
    running.send_signal(signal.SIGKILL)
    return told + [
        (int(tracked), int(kept))
        for line in running.stdout
        if line.endswith("\n")
        for tracked, kept in [line.split()]
    ]


def surely_written(told: Sequence[tuple[int, int]]) -> int:
    """How many were tracked before the last write that the process was seen to begin.

    A write takes all there is when it begins. Seen to end between two looks, it may have begun
    before the first of them; the one after it has not.
    """
    changes = [index for index in range(1, len(told)) if told[index][1] > told[index - 1][1]]
    return told[changes[-2] - 1][0] if len(changes) > 1 else 0


@pytest.mark.parametrize("is_up", [True, False], ids=["server up", "server away"])
def test_kill_loses_at_most_what_came_since_the_last_write(is_up: bool, tmp_path: Path) -> None:
    """Killed at any moment: what is counted is a beginning of what was tracked, each once.

    Nothing is lost that was answered for, that was written to the spool, or that was tracked before
    the last write but one: whatever the machine's speed, as it is told by the process itself.
    """
    with serving(started=is_up) as server:
        runs = []
        for number in range(4):
            first = number * 1_000_000
            arguments = (str(tmp_path), str(first), str(is_up))
            if is_up:
                server.misbehave([Behaviour(drops_after=True), Behaviour(503)])
            with started(server, TRACKING, *arguments, stdout=subprocess.PIPE) as running:
                runs.append((first, killed_after(running, 3 + number)))
        if not is_up:
            server.start()
        ran(server, "assert made(spool_dir=sys.argv[3]).flush(50)", str(tmp_path))
        found = sorted(numbers(server))
        assert len(found) == len({*found})
        for first, told in runs:
            of_this_run = [n for n in found if first <= n < first + 1_000_000]
            assert of_this_run == [*range(first, first + len(of_this_run))], "a beginning"
            assert len(of_this_run) >= told[-1][1], "what it knew to be kept"
            assert len(of_this_run) >= surely_written(told)


def test_killed_while_a_batch_is_on_its_way_and_memory_goes_to_the_spool(tmp_path: Path) -> None:
    """The batch goes before it, so that what is left has no gap."""
    program = """
    settings = Settings(linger_seconds=0.01, max_queued_events=100)
    c = Client(sys.argv[1], sys.argv[2], source="s", spool_dir=sys.argv[3], settings=settings)
    c.track("t", "acme", n=0)
    while c.stats().queued:
        time.sleep(0.001)
    for n in range(1, 61):
        c.track("t", "acme", n=n)
    while c.stats().spooled < 50:
        time.sleep(0.001)
    os.kill(os.getpid(), 9)
    """
    with serving() as server:
        server.misbehave([Behaviour(seconds=60, drops_before=True)])
        with started(server, program, str(tmp_path)) as running:
            running.communicate(timeout=60)
        assert running.returncode == -signal.SIGKILL
        assert not server.books.ids()
        ran(server, "assert made(spool_dir=sys.argv[3]).flush(50)", str(tmp_path))
        found = numbers(server)
        assert found == [*range(len(found))], "a beginning, in order"
        assert len(found) >= 50


def test_a_child_begins_with_nothing_and_the_parent_sends_its_own() -> None:
    with serving() as server:
        program = """
        c = made()
        parent_source = c.source
        for n in range(100):
            c.track("t", "acme", n=n)
        pid = os.fork()
        if pid == 0:
            assert c.source != parent_source
            assert c.stats().tracked == 0
            for n in range(1000, 1100):
                c.track("t", "acme", n=n)
            assert c.flush(10)
            os._exit(0)
        for n in range(100, 200):
            c.track("t", "acme", n=n)
        assert os.waitpid(pid, 0)[1] == 0
        """
        ran(server, program)
        assert sorted(numbers(server)) == [*range(200), *range(1000, 1100)]
        assert server.books.repeats == 0
        sources = {source for source, _ in server.books.events}
        assert len(sources) == 2


def test_children_have_slots_of_their_own(tmp_path: Path) -> None:
    program = """
    c = made(source="s", spool_dir=sys.argv[3])
    c.track("t", "acme", n=0)
    children = []
    for child in range(1, 4):
        pid = os.fork()
        if pid == 0:
            c.track("t", "acme", n=child)
            c.close(timeout=0.3)
            os._exit(0)
        children.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
    """
    with serving(started=False) as server:
        ran(server, program, str(tmp_path))
        server.start()
        ran(server, "assert made(spool_dir=sys.argv[3]).flush(10)", str(tmp_path))
        assert sorted(numbers(server)) == [0, 1, 2, 3]
        assert server.books.repeats == 0


def test_a_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    program = """
    c = made(source="s", spool_dir=sys.argv[3])
    c.track("t", "acme", n=0)
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    open(sys.argv[4], "w").write(str(pid))
    """
    with serving(started=False) as server:
        note = tmp_path / "pid"
        running = started(server, program, str(tmp_path / "spool"), str(note))
        running.wait(timeout=60)
        child = int(note.read_text())
        server.start()
        try:
            ran(server, "assert made(spool_dir=sys.argv[3]).flush(5)", str(tmp_path / "spool"))
            assert numbers(server) == [0]
        finally:
            os.kill(child, signal.SIGKILL)
            running.communicate(timeout=10)


def test_forked_while_busy() -> None:
    """Locks that other threads hold at the moment of the fork do not stop the child."""
    with serving() as server:
        program = """
        import threading
        c = made()
        def keep_on():
            for n in range(20_000):
                c.track("t", "acme", n=n)
        threads = [threading.Thread(target=keep_on) for _ in range(3)]
        [thread.start() for thread in threads]
        children = []
        for child in range(8):
            pid = os.fork()
            if pid == 0:
                c.track("child", "acme", n=-child)
                os._exit(0 if c.flush(20) else 1)
            children.append(pid)
        [thread.join() for thread in threads]
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
        assert c.flush(30)
        """
        ran(server, program)
        assert len(numbers(server)) == 60_008
        assert server.books.repeats == 0


def test_children_of_multiprocessing_send_at_their_end() -> None:
    with serving() as server:
        program = """
        import multiprocessing
        c = made(source="s")
        def work(n):
            c.track("t", "acme", n=n)
        fork = multiprocessing.get_context("fork")
        workers = [fork.Process(target=work, args=(n,)) for n in range(3)]
        [worker.start() for worker in workers]
        [worker.join() for worker in workers]
        """
        ran(server, program)
        assert sorted(numbers(server)) == [0, 1, 2]


def test_a_destructor_may_track(tmp_path: Path) -> None:
    """Tracking in the middle of tracking, by the garbage collector, does not wait for itself."""
    with serving() as server:
        program = """
        import gc
        c = made(source="s")
        class Loud:
            def __init__(self):
                self.me = self
            def __del__(self):
                c.track("gone", "acme", n=0)
        gc.set_threshold(5)
        for n in range(3000):
            Loud()
            c.track("t", "acme", n=n)
        gc.collect()
        assert c.flush(20)
        """
        ran(server, program)
        assert eventually(lambda: len(numbers(server)) == 6000)
