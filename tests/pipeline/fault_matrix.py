"""Every route of every publisher against every fault, through fetch, parse, gate and landing, held against the truth.

The truth is a home that the same market filled undisturbed. After a fault each newest vintage must be the one from
before the answer or the right one after it, and nothing that is right may be gone. After the next good answer all is as
in the truth.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from ingest.catalog.funds import load_funds
from ingest.connectors import SOURCES, TABLE_CONNECTORS, connector
from ingest.dataset import TABLES
from ingest.settings import Settings
from orchestration.asking import ingest_all
from orchestration.ingestion import SourceOutcome
from orchestration.session import open_session
from simulator import Market, StandIn, simulate
from tests.pipeline.damage import BENDS, Unbendable, bent

FIRST: Final = datetime(2016, 6, 28, 23, 5, tzinfo=UTC)
SECOND: Final = FIRST + timedelta(days=2)
THIRD: Final = FIRST + timedelta(days=3)
LATE: Final = datetime(2023, 11, 26, 23, 5, tzinfo=UTC)
"""A moment for LATE_ROUTES: what they ask for begins after FIRST, or is asked for only when new rows are due.

In the two days after it a week of the CFTC (a Monday, after Thanksgiving), a week of volume off the exchanges and a
settlement date of short interest are all published, which is rare.
"""

MEMBERS: Final = 20
FUNDS: Final = ("SPY", "XLK", "IVV", "EFA", "TQQQ", "SQQQ")

ROUTES: Final = (
    *(source for source in SOURCES if source != "user_file"),
    *(desk.name for desk in TABLE_CONNECTORS if not desk.name.startswith("user_")),
)
LATE_ROUTES: Final = (
    "alternative_me",
    "ats_weekly",
    "cftc",
    "deposits_withdrawals",
    "kalshi",
    "public_debt_transactions",
    "short_interest",
    "tax_refunds",
)
FAULTS: Final = (*BENDS, "frozen", "cut")
_MANY: Final = 1_000_000
NEWEST_FIRST: Final = "known_at desc, loaded_at desc"


@dataclass(frozen=True)
class Outcome:
    """What one fault did to one route. `touched`: how many answers it met, and changed where it is one of BENDS."""

    touched: int
    state: str
    error: str | None
    wrong: Sequence[str]
    withdrawn: Sequence[str]
    not_recovered: Sequence[str]


class Bench:
    """A market, a home that it filled until `first`, and the truth of two days and of three days later."""

    def __init__(self, folder: Path, upstream: StandIn, first: datetime, routes: Sequence[str]) -> None:
        self.folder = folder
        self.upstream = upstream
        self.base = folder / "base"
        self.first, self.second, self.third = (first + timedelta(days=days) for days in (0, 2, 3))
        self.truths: dict[datetime, Path] = {self.second: folder / "truth-2", self.third: folder / "truth-3"}
        ask(self.upstream, self.base, self.first, routes)
        shutil.copytree(self.base, self.truths[self.second])
        ask(self.upstream, self.truths[self.second], self.second, routes)
        shutil.copytree(self.truths[self.second], self.truths[self.third])
        ask(self.upstream, self.truths[self.third], self.third, routes)

    def meet(self, route: str, fault: str) -> Outcome:
        """Let every answer to `route` after two days meet the fault, then give it a good one."""
        home = self.folder / f"{route}-{fault}"
        shutil.copytree(self.base, home)
        touched = [0]

        def change(body: bytes) -> bytes:
            try:
                changed = bent(fault, body)
            except Unbendable:
                return body
            touched[0] += changed != body
            return changed

        faults = self.upstream.faults
        if fault == "frozen":
            added = faults.add(".", "frozen", _MANY, as_of=self.first - timedelta(days=20))
        elif fault == "cut":
            added = faults.add(".", "truncated", _MANY, keep=0.7, declared=False)
        else:
            added = faults.add(".", "rewritten", _MANY, change=change)
        try:
            (outcome,) = ask(self.upstream, home, self.second, [route])
        finally:
            faults.clear()
        if fault not in BENDS and added.times is not None:
            touched[0] = _MANY - added.times
        if not touched[0]:  # what is there is what any answer left
            shutil.rmtree(home)
            return Outcome(0, outcome.landing.state, outcome.error, [], [], [])
        wrong, withdrawn = self._differences(home, route, self.second)
        ask(self.upstream, home, self.third, [route])
        later, gone = self._differences(home, route, self.third, is_final=True)
        shutil.rmtree(home)
        return Outcome(touched[0], outcome.landing.state, outcome.error, wrong, withdrawn, [*later, *gone])

    def _differences(
        self, home: Path, route: str, moment: datetime, *, is_final: bool = False
    ) -> tuple[list[str], list[str]]:
        wrong, withdrawn = [], []
        with duckdb.connect(str(home / "build" / "warehouse.duckdb"), read_only=True) as con:
            con.execute(f"attach '{self.base}/build/warehouse.duckdb' as base (read_only)")
            con.execute(f"attach '{self.truths[moment]}/build/warehouse.duckdb' as truth (read_only)")
            for table, keys, values, period, is_snapshot in _tables(route):
                order = NEWEST_FIRST if "loaded_at" in _columns(con, table) else "known_at desc"  # files have no other
                listed = ", ".join([*keys, *values])
                ours, right = (
                    f"(select {listed} from {catalog}{table} qualify row_number() over"
                    f" (partition by {', '.join(keys)} order by {order}) = 1)"
                    for catalog in ("", "truth.")
                )
                allowed = right if is_final else f"(select * from {right} union all select {listed} from base.{table})"
                wrong += [
                    f"{table} {row}"
                    for row in con.execute(f"select * from {ours} except select * from {allowed} limit 3").fetchall()
                ]
                has_value = " or ".join(f"{value} is not null" for value in values)
                same = " and ".join(f"o.{key} = r.{key}" for key in keys)
                withdrawn += [
                    f"{table} {row}"
                    for row in con.execute(
                        f"select {', '.join('r.' + key for key in keys)}"
                        f" from (select * from {right} where {has_value}) r"
                        f" join (select * from {ours} where not ({has_value})) o on {same} limit 3"
                    ).fetchall()
                ]
                if is_final and not is_snapshot:  # of a snapshot that was missed nobody serves another
                    due = f"select * from {right}"
                    if connector(route).facts.asked_by_day:  # further back the next runs go on
                        due += f" where {period} >= (select min({period}) from {table})"
                    wrong += [
                        f"{table} lacks {row}"
                        for row in con.execute(f"{due} except select * from {ours} limit 3").fetchall()
                    ]
        return wrong, withdrawn


def _tables(route: str) -> Iterator[tuple[str, list[str], list[str], str, bool]]:
    """Yield the raw tables of a route: id, keys, values, period, and whether its past is served by nobody."""
    if route in SOURCES:
        yield f"{route}.observations", ["series_id", "period_date"], ["value"], "period_date", False
        return
    for table_id in connector(route).table_ids:
        table = next(table for table in TABLES if table.id == table_id)
        keys, values = ([column.name for column in columns] for columns in (table.keys, table.values))
        yield table_id, keys, values, table.period, table.is_snapshot or table.is_in_daily_files


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    return {row[0] for row in con.execute(f"describe {table}").fetchall()}


def ask(upstream: StandIn, home: Path, now: datetime, routes: Sequence[str]) -> list[SourceOutcome]:
    """Ask routes at a moment, into a home; return what became of each."""
    upstream.set_now(now)
    settings = Settings(
        _env_file=None,
        upstream=upstream.url,
        home=home,
        now=now,
        origin="SIMULATED",
        request_attempts=2,
        retry_wait_seconds=0.01,
        contact="ann@example.org",
        sec_requests_per_run=20,
    )
    with open_session(settings) as session:
        return [outcome for route in routes for _, outcome in ingest_all(session, [connector(route)])]


def small_market(end: datetime = THIRD) -> Market:
    """Return the market of the matrix."""
    funds = tuple(fund for fund in load_funds() if fund.ticker in FUNDS)
    return simulate(end.date(), members=MEMBERS, funds=funds)


@contextmanager
def bench(folder: Path, first: datetime = FIRST, routes: Sequence[str] = ROUTES) -> Iterator[Bench]:
    """Serve the market and fill the homes."""
    with StandIn(small_market(first + timedelta(days=3)), first) as upstream:
        yield Bench(folder, upstream, first, routes)
