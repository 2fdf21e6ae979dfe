"""User files of option chains: delayed quotes of Cboe that somebody saved, since nobody serves past ones.

Where   <home>/user_files/chains/<any name>.json, each an answer of Cboe's address of delayed quotes as it came
Grain   one row per underlying, snapshot and contract; known at the file's own timestamp. Chains that have landed stay:
        a file may be moved away afterwards
Units   as cboe_chains reads them
Breaks  SourceChanged naming the file: as cboe_chains, another ending, a chain of an underlying that is not collected
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.underlyings import load_underlyings
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.option_quotes import underlying_of
from ingest.readers.parsing import field, json_of
from ingest.sources.cboe import cboe_chains
from ingest.sources.user_file.user_csv import user_payload

FOLDER: Final = "chains"
TABLE: Final = "user_file.option_quotes"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield each file, and an error for each that is no JSON by its name."""
    folder = Home(context.settings.home).user_files / FOLDER
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    for done, path in enumerate(files):
        name = f"{FOLDER}/{path.name}"
        context.progress(name, done, len(files))
        if path.suffix != ".json":
            yield SourceChanged("user_file", name, expected="a name like <any>.json", seen=path.name)
            continue
        try:
            yield context.http.keep(user_payload(path, name, context.clock, {"part": FOLDER}))
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the contracts of the chain in the file, known when its publisher says that it made it."""
    document = json_of(payload, "a chain of Cboe's delayed quotes")
    symbol = field(payload, field(payload, document, "data", "the file"), "symbol", "data")
    known = {one.underlying: one for one in load_underlyings()}
    of = underlying_of(payload, known, str(symbol).lstrip("^_"))
    rows = cboe_chains.chain_rows(payload, TABLE, of)
    return {TABLE: rows.with_columns(stated_at=pl.col("snapshot_at"))}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return none: a snapshot withdraws nothing, and neither does a file that is gone."""
    return []
