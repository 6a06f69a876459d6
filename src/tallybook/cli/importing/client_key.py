"""The key by which addresses of people are hidden: this user's own, made once."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from tallybook.cli.importing.checkpoint import state_directory
from tallybook.domain.kernel.errors import Invalid

_LENGTH_BYTES = 32


def client_key() -> bytes:
    """The key, made at first use in the user's state directory and readable to the user alone.

    The same address has the same id under the same key. To get the same ids on another machine,
    the file is copied there; without it, an id cannot be turned back into an address.
    """
    path = state_directory() / "client-key"
    try:
        return _read(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as written, suppress(FileExistsError):
        written.write(secrets.token_hex(_LENGTH_BYTES))
        written.flush()
        path.hardlink_to(written.name)  # whole or not at all, and never over another's
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("ascii"))
    except ValueError:
        key = b""
    if len(key) != _LENGTH_BYTES:
        raise Invalid(
            "unreadable_client_key",
            f"{path.name} in the state directory is not a key.",
            mend="Put the file back as it was, or delete it: clients then get other ids.",
        )
    return key
