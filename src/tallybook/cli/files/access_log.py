"""Access logs of web servers: the common and the combined format, a request a line.

`host ident user [day/Mon/year:h:m:s zone] "request" status bytes "referer" "agent"`
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tallybook.cli.files.lines import read_lines
from tallybook.cli.files.rows import Broken, Reading, ReadOptions, Row
from tallybook.cli.files.unpacking import LONGEST_LINE, Line
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import leap_second, to_utc

COLUMNS = (
    "id", "at", "client", "address", "ident", "user", "method", "path", "query", "protocol",
    "request", "status", "bytes", "referer", "agent", "file",
)  # fmt: skip
KEPT = (
    "client", "method", "path", "protocol", "request", "status", "bytes", "referer", "agent",
)  # fmt: skip
"""What an event keeps unless told otherwise: no address, no user, no query."""

DEFAULTS: dict[str, Any] = {
    "type": "=request", "time": {"column": "at"}, "id": ["id"],
    "properties": {name: name for name in KEPT},
}  # fmt: skip

_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'
_FIELDS = (
    ("address", r"(?P<address>\S+) "),
    ("ident", r"(?P<ident>\S+) "),
    ("user", r"(?P<user>.{1,256}?) (?=\[)"),
    (
        "time",
        r"\[(?P<day>[0-9]{2})/(?P<month>[A-Z][a-z]{2})/(?P<year>[0-9]{4})"
        r":(?P<clock>[0-9]{2}:[0-9]{2}:[0-9]{2}) (?P<zone>[+-][0-9]{4})\] ",
    ),
    ("request", rf'"(?P<request>{_QUOTED})" '),
    ("status", r"(?P<status>[0-9]{3}) "),
    ("bytes", r"(?P<bytes>[0-9]+|-)(?= |$)"),
    ("referer", rf'(?: "(?P<referer>{_QUOTED})" '),
    ("agent", rf'"(?P<agent>{_QUOTED})(?P<closing>"?))?$'),
)
_LINE = re.compile("".join(pattern for _, pattern in _FIELDS))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ESCAPED = re.compile(r'(?:\\x[0-9a-fA-F]{2})+|\\[\\"nrtbvf]')
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "v": "\v", "f": "\f"}
_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9_.!#$%&'*+^`|~-]*")
_LINES_REMEMBERED = 100_000


def read_access_log(path: Path, options: ReadOptions) -> AbstractContextManager[Reading]:
    """Read an access log. A row's line is told by `line`; lines out of form are `Broken`.

    `client` stands for the address: the same for the same address, by a key that is this user's
    own, so that it cannot be turned back by whoever has only the events.
    """
    key = options.client_key()

    def parse(name: str, lines: Iterable[Line]) -> Iterator[Row | Broken]:
        occurrences = _Occurrences()
        for line in lines:
            if line.content:
                yield _read(line, name, key, occurrences)

    return read_lines(path, COLUMNS, parse)


def _read(line: Line, name: str, key: bytes, occurrences: _Occurrences) -> Row | Broken:
    text = line.content.decode("utf-8", "backslashreplace")
    found = _LINE.match(text)
    if found is None or len(line.content) >= LONGEST_LINE:
        return _broken(line, text)
    if not line.is_whole and not found["closing"]:
        return Broken(
            0, "The line has no end: it may still be being written.", "Send the file again later.",
            "agent", line.number,
        )  # fmt: skip
    try:
        at = _instant(found)
    except ValueError as error:
        return Broken(0, f"There is no such time: {error}.", "Mend the line.", "time", line.number)
    except Invalid as refused:
        return Broken(0, refused.message, refused.mend, "time", line.number)
    cells = {
        "id": occurrences.identify(text[found.start("day") :], at, line.number),
        "at": at,
        "client": hashlib.blake2b(found["address"].encode(), key=key, digest_size=8).hexdigest(),
        "address": found["address"],
        "ident": _said(found["ident"]),
        "user": _said(found["user"]),
        "status": found["status"],
        "bytes": "0" if found["bytes"] == "-" else found["bytes"],
        "referer": _said(found["referer"]),
        "agent": _said(found["agent"]),
        "file": name,
    }
    return Row(0, cells | _request(found["request"]), line.number)


def _broken(line: Line, text: str) -> Broken:
    """Why a line is no access: the first field that is not as it should be. It names no address."""
    if len(line.content) >= LONGEST_LINE:
        return Broken(0, "The line is longer than 1 MiB.", "Check the file.", "", line.number)
    field = next(
        (name for index, (name, _) in enumerate(_FIELDS[:-2], 1) if not _begins(text, index)),
        "agent" if re.match(_prefix(len(_FIELDS) - 1) + ")", text) else "referer",
    )
    reason = f"The line is not in the combined format from its {field} on."
    return Broken(0, reason, "Check --format and the server's log format.", field, line.number)


def _begins(text: str, fields: int) -> bool:
    return re.match(_prefix(fields), text) is not None


def _prefix(fields: int) -> str:
    return "".join(pattern for _, pattern in _FIELDS[:fields])


def _instant(found: re.Match[str]) -> datetime:
    hour, minute, second = (int(part) for part in found["clock"].split(":"))
    if found["month"] not in _MONTHS:
        raise ValueError(f"no month is called {found['month']}")
    month = _MONTHS.index(found["month"]) + 1
    zone = found["zone"]
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    offset = -offset if zone[0] == "-" else offset
    at = datetime(
        int(found["year"]), month, int(found["day"]), hour, minute, min(second, 59),
        tzinfo=timezone(offset),
    )  # fmt: skip
    if second < 60:
        return at
    if second > 60:
        raise ValueError("second must be in 0..60")
    return leap_second(to_utc(at))


def _request(written: str) -> dict[str, str]:
    """Method, path, query and protocol; of what was no request line, all of it as `request`.

    A server logs what it was sent, and it may have been sent anything.
    """
    text = _said(written)
    method, _, rest = text.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not target and rest:  # HTTP/0.9 names no protocol
        target, protocol = rest, ""
    is_request = _METHOD.fullmatch(method) and target and (not protocol or "HTTP/" in protocol)
    if not is_request:
        return {"method": "", "path": "", "query": "", "protocol": "", "request": text}
    path, _, query = target.partition("?")
    return {"method": method, "path": path, "query": query, "protocol": protocol, "request": ""}


def _said(written: str | None) -> str:
    """A field as it was before the server wrote it down; "" for the - of nothing.

    Bytes written as \\xhh become text where they are UTF-8, and stay as they are where not.
    """
    if written is None or written == "-":
        return ""
    return _ESCAPED.sub(_unescaped, written) if "\\" in written else written


def _unescaped(escaped: re.Match[str]) -> str:
    text = escaped[0]
    if not text.startswith("\\x"):
        return _LETTERS.get(text[1], text[1])
    try:
        return bytes.fromhex(text.replace("\\x", "")).decode()
    except UnicodeDecodeError:
        return text


class _Occurrences:
    """Tells apart lines that say the same: the first of them, the second, and so on.

    So a file may be renamed, rotated and grow without an access counting twice. The last lines are
    remembered, by their time; one from before those is told apart by its line's number.
    """

    def __init__(self) -> None:
        self._by_time: dict[datetime, dict[bytes, int]] = {}
        self._times: list[datetime] = []  # those of `_by_time`, a heap
        self._remembered = 0
        self._forgotten_until: datetime | None = None

    def identify(self, facts: str, at: datetime, line: int) -> str:
        """The identity of an access by what the line says, its address left out."""
        digest = hashlib.blake2b(facts.encode(), digest_size=12).digest()
        if self._forgotten_until is not None and at <= self._forgotten_until:
            return f"{digest.hex()}@{line}"
        seen = self._by_time.get(at)
        if seen is None:
            seen = self._by_time[at] = {}
            heapq.heappush(self._times, at)
        count = seen[digest] = seen.get(digest, 0) + 1
        self._remembered += 1 if count == 1 else 0
        while self._remembered > _LINES_REMEMBERED and len(self._by_time) > 1:
            self._forgotten_until = heapq.heappop(self._times)
            self._remembered -= len(self._by_time.pop(self._forgotten_until))
        return digest.hex() if count == 1 else f"{digest.hex()}:{count}"
