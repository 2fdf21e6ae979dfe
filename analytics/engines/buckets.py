"""Which bucket a group of rows is in: the same on every machine, in every process and in every year."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import polars as pl

BUCKETS: Final = 64
"""Of a panel by stock: 8,000 stocks over 25 years make buckets of 800,000 rows, some tens of MB for a kernel."""

BUCKET: Final = "bucket"
"""The column that says it, in the tables of the lake."""


def bucket_of(key: str, buckets: int = BUCKETS) -> int:
    """Return the bucket of a group key, from 0. Python's own hash differs from process to process."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % buckets


def buckets_of(keys: Iterable[str], name: str) -> pl.DataFrame:
    """Return the keys, each once and in order, as the column `name`, beside their buckets."""
    ordered = sorted(set(keys))
    found = [bucket_of(key) for key in ordered]
    return pl.DataFrame({name: ordered, BUCKET: found}, schema={name: pl.String, BUCKET: pl.Int32})
