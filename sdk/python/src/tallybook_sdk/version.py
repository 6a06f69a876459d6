"""The version of this library, which servers see in its requests."""

from __future__ import annotations

VERSION = "0.1.0"
