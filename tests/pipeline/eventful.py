"""One home in which everything that can happen to a stock has happened, between runs of the whole pipeline.

Three runs: on the last day of the first bearer of a ticker; when another company has long borne it, on the day a stock
is renamed, two are halted or late and one prints a close that is wrong; and after two splits, the late print and the
correction. The simulated market starts in 2019 here: a home of ten years more would show the same and take longer.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingest.clock import NEW_YORK
from ingest.home import Home
from simulator import StandIn
from simulator.market import Market
from simulator.panel import Panel
from simulator.simulate import simulate
from tests.pipeline.placed import STOCKS_AND_FUNDS, run_of, settings_of, sources_of

SINCE = date(2019, 7, 1)
MEMBERS = 100


def evening(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T18:30").replace(tzinfo=NEW_YORK).astimezone(UTC)


LONG_BEFORE, ON_THE_DAY, AFTER = RUNS = (evening("2021-03-19"), evening("2022-06-09"), evening("2022-06-13"))


@dataclass(frozen=True)
class Eventful:
    """The home after the last run, what was published by each run, and the market as it really was."""

    home: Home
    releases: tuple[Path, ...]
    panel: Panel

    def raw(self, query: str, *told: object) -> list[tuple[Any, ...]]:
        """Ask the build file."""
        with duckdb.connect(str(self.home.warehouse), read_only=True) as con:
            return con.execute(query, list(told)).fetchall()

    def shown(self, query: str, *told: object, run: int = -1) -> list[tuple[Any, ...]]:
        """Ask what was published by the run of that number, the last one by default."""
        with duckdb.connect(str(self.releases[run]), read_only=True) as con:
            return con.execute(query, list(told)).fetchall()

    def closes(self, permid: str) -> dict[date, float]:
        """Return the closes as traded, restated ones as they now stand, by session."""
        rows = self.panel.prices.filter((pl.col("permid") == permid) & pl.col("close_usd").is_not_null())
        return dict(rows.sort("session_date", "known_at").select("session_date", "close_usd").iter_rows())

    def levels(self, permid: str) -> dict[date, float]:
        """Return the closes on the basis of the first session, to the ninth digit."""
        splits = dict(self.panel.splits.filter(pl.col("permid") == permid).drop("permid").iter_rows())
        return {
            day: float(f"{close * _product(ratio for on, ratio in splits.items() if on <= day):.9g}")
            for day, close in self.closes(permid).items()
        }


def _product(ratios: Any) -> float:
    product = 1.0
    for ratio in ratios:
        product *= ratio
    return product


def since_2019(market: Market) -> Market:
    """Return the market without what it printed before SINCE. Who was a member stays known."""
    panel = market.panel
    shortened = replace(
        panel,
        prices=panel.prices.filter(pl.col("session_date") >= SINCE),
        dividends=panel.dividends.filter(pl.col("session_date") >= SINCE),
        splits=panel.splits.filter(pl.col("session_date") >= SINCE),
        fund_days=panel.fund_days.filter(pl.col("report_date") >= SINCE),
        weekly_flows=panel.weekly_flows.filter(pl.col("week_end_date") >= SINCE),
    )
    rows = market.rows.filter(pl.col("period_date") >= SINCE)
    return Market(rows, latent=market.latent, panel=shortened)


def market() -> Market:
    """Return the market of these runs, as it really was."""
    return since_2019(simulate(AFTER.date(), members=MEMBERS))


def build(folder: Path) -> None:
    """Run the pipeline three times in `folder`."""
    home = Home((folder / "home").resolve())
    with StandIn(market(), RUNS[0]) as standin:
        for number, now in enumerate(RUNS):
            standin.set_now(now)
            outcome = run_of(settings_of(home.root, standin), *STOCKS_AND_FUNDS, *sources_of({"sp500_close"}))
            assert outcome.release.state == "published"
            shutil.copyfile(home.published, folder / f"release_{number}.duckdb")


def eventful_in(folder: Path) -> Eventful:
    """Return what `build` left in `folder`."""
    releases = tuple(folder / f"release_{number}.duckdb" for number in range(len(RUNS)))
    return Eventful(Home((folder / "home").resolve()), releases, market().panel)
