"""The tables of the event store."""

from __future__ import annotations

EVENTS = """
CREATE TABLE IF NOT EXISTS events (
    organization_id LowCardinality(String),
    type LowCardinality(String),
    customer String,
    source LowCardinality(String),
    id String,
    actor String,
    occurred_us Int64 EPHEMERAL,
    received_us Int64 EPHEMERAL,
    occurred_at DateTime64(6, 'UTC') DEFAULT fromUnixTimestamp64Micro(occurred_us),
    received_at DateTime64(6, 'UTC') DEFAULT fromUnixTimestamp64Micro(received_us),
    position UInt64 CODEC(Delta, ZSTD),
    identity UInt64,
    content UInt64,
    properties Map(LowCardinality(String), String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (organization_id, type, customer, occurred_at, position)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""
"""Every event ever accepted, once, where an insert that has answered is on disk.

`position` is its place in the log. `identity` and `content` are 64-bit hashes, of what makes it
unique and of all that was sent. Properties keep each value's text, so that numbers stay exact.
"""

TABLES = (EVENTS,)
