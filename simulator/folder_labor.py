"""The labour pack of a folder of real payloads: continued claims, JOLTS layoffs, ADP, Challenger as a user file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from ingest.catalog import load_catalog
from ingest.clock import naive_utc
from simulator.market import first_prints

_PACK: Final = "packs/p2_labor"
_CACHE: Final = "fred_cache_2026-08-21_labor_consumer.json"
_CHALLENGER: Final = "challenger_job_cuts_2023_2026.csv"
_TAILS: Final = {
    "jolts_layoffs": ("JTSLDL_2026-09_tail.csv", 1000.0),  # recorded in thousands
    "adp_employment": ("ADPMNUSNERSA_2026-08_tail.csv", 1.0),
}


def labor_pack(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield rows of MARKET_SCHEMA, in persons."""
    cache = json.loads((folder / _PACK / _CACHE).read_text(encoding="utf-8"))
    claims = pl.DataFrame(cache["CCSA"], schema=["date", "value"], orient="row", strict=False)
    yield first_prints("continued_claims", claims["date"].str.to_date(), claims["value"].to_numpy())
    for series_id, (name, factor) in _TAILS.items():
        tail = pl.read_csv(folder / _PACK / name, try_parse_dates=True)
        yield first_prints(series_id, tail["date"], (tail["value"] * factor).to_numpy())


def challenger_file(folder: Path, now: datetime) -> dict[str, str]:
    """Return the user file of Challenger's cuts, as far as they were out at `now` (aware)."""
    table = pl.read_csv(folder / _PACK / _CHALLENGER)
    first = pl.concat_str("month", pl.lit("-01")).str.to_date()
    months = table.select(first.alias("date"), pl.col("job_cuts").alias("value"))
    released = load_catalog().by_id("challenger_cuts").providers[0].release.released_at(months["date"])
    return {"challenger_cuts": months.filter(released <= naive_utc(now)).write_csv()}
