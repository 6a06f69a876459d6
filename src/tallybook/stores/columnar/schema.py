"""The tables of the event store."""

from __future__ import annotations

EVENTS = """
CREATE TABLE IF NOT EXISTS events (
    organization_id LowCardinality(String),
    type LowCardinality(String),
    customer String,
    source String,
    id String,
    actor String,
    occurred_us Int64 EPHEMERAL,
    received_us Int64 EPHEMERAL,
    occurred_at DateTime64(6, 'UTC') DEFAULT fromUnixTimestamp64Micro(occurred_us),
    received_at DateTime64(6, 'UTC') DEFAULT fromUnixTimestamp64Micro(received_us),
    position UInt64 CODEC(T64, LZ4),
    identity UInt64,
    content UInt64,
    properties Map(String, String)
)
ENGINE = MergeTree
ORDER BY (organization_id, type, toYYYYMM(occurred_at), customer, occurred_at, position)
SETTINGS
    index_granularity = 2048,
    min_bytes_for_wide_part = 67108864,
    min_compress_block_size = 16384,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 60,
    parts_to_delay_insert = 2000,
    parts_to_throw_insert = 5000,
    auto_statistics_types = '',
    serialization_info_version = 'basic',
    string_serialization_version = 'single_stream',
    ratio_of_defaults_for_sparse_serialization = 1,
    write_marks_for_substreams_in_compact_parts = 0
"""
"""Every event ever accepted, once, where an insert that has answered is on disk.

`position` is its place in the log. `identity` and `content` are 64-bit hashes, of what makes it
unique and of all that was sent. Properties keep each value's text, so that numbers stay exact.

The month is in the key and does not part the table: a block is one part whatever times its events
have, so it is there whole or not at all, and late events cost no more than others. Who reads a
span names its months besides its ends, else the key is not used for time.

Granules and blocks are smaller than usual: a customer's events of a month are found among a quarter
of what would else be read of every part, and reading everything costs the same.

Parts of up to 64 MB, some two million events, keep their columns in one file: they are merged again
soon, and that takes a third less so.

A merge is synced as an insert is, and the parts that it replaced stay for a minute: else power
lost, or a disk that fails under the merge, would take acknowledged events along. The last five
settings leave out files and statistics that nothing here reads: each is one more file to sync with
every insert.
"""

TALLIES = """
CREATE TABLE IF NOT EXISTS tallies (
    organization_id LowCardinality(String),
    meter_id LowCardinality(String),
    batch UInt64,
    customer String,
    day Date,
    dimensions Array(String),
    events UInt64,
    checksum UInt64,
    total Decimal(76, 12),
    low Decimal(38, 12),
    high Decimal(38, 12)
)
ENGINE = MergeTree
ORDER BY (organization_id, meter_id, batch, customer, day)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 60
"""
"""What a meter counted of a customer, a UTC day and dimension values, in one batch.

Made from the events and never anything else than what they say: see `tallies.py`.
"""

TALLY_BATCHES = """
CREATE TABLE IF NOT EXISTS tally_batches (
    organization_id LowCardinality(String),
    meter_id LowCardinality(String),
    batch UInt64,
    after UInt64,
    through UInt64,
    tallies UInt64,
    events UInt64
)
ENGINE = MergeTree
ORDER BY (organization_id, meter_id, after)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    old_parts_lifetime = 60
"""
"""The batches that are complete: which stretch of the log each covers, with how many tallies."""

TABLES = (EVENTS, TALLIES, TALLY_BATCHES)
