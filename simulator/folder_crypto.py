"""What a folder of real payloads has of crypto assets: the Fear & Greed Index, and the flows of the bitcoin funds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Final

import polars as pl

from ingest.clock import NEW_YORK
from simulator.bitcoin_flows import FLOWS_FILE, pasted
from simulator.market import first_prints

_PACK: Final = "packs/p8_crypto"


def crypto_series(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield the Fear & Greed Index; nothing where its file is not there."""
    path = folder / _PACK / "alternative_me_fng_2018_2026-08.csv"
    if path.is_file():
        frame = pl.read_csv(path)
        yield first_prints("crypto_fear_greed", frame["date"].str.to_date(), frame["value"].to_numpy())


def flows_file(folder: Path, now: datetime) -> dict[str, str]:
    """Return the recorded flows of the days before `now` as the user file they would be."""
    path = folder / _PACK / "btc_spot_etf_flows_2024_2026-08.json"
    if not path.is_file():
        return {}
    recorded = json.loads(path.read_text(encoding="utf-8"))
    today = now.astimezone(NEW_YORK).date()
    rows = {
        on: flows["flows"] for flows in recorded["daily_flows"] if (on := date.fromisoformat(flows["date"])) < today
    }
    funds = list(dict.fromkeys(fund for flows in rows.values() for fund in flows))
    return {FLOWS_FILE: pasted(funds, rows)} if rows else {}
