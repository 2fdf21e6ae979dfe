"""A year of option contracts, week by week: what a release costs where the rows are in the file, and where in the lake.

    python -m bench.lake_curve [ROWS_A_WEEK] [WEEKS] [WEEKS_IN_THE_FILE]

Ten million rows a week is what all chains twice a day would be; the default is a fiftieth of it. The Parquet of a week
is written once, and each week is a hard link to it in a folder of its own date, from which its rows have their date: in
the catalog, and to whoever reads, they are as many files with as many rows as if each had been written, and a year of
them fits on a disk. One way a week is inserted into the build file and every release copies that table, for as many
weeks as the third number says; the other way it is registered in a lake (catalog on a PostgreSQL of its own, data in a
folder), and a release copies aggregates and names the snapshot. Both ways a week adds its own day to the aggregates.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from bench import bench_folder
from orchestration.scale_demo.postgres import OWNER, PostgresServer
from orchestration.scale_demo.process import HOST
from warehouse.lake.attached import attach, newest_snapshot
from warehouse.lake.commit import register
from warehouse.lake.setting import lake_of

ROWS, WEEKS = 200_000, 52
_EARLY = (1, 2)
_WAYS = ("file", "lake")
_MEMORY = {"memory_limit": "1500MB", "preserve_insertion_order": "false"}
_WEEK = """
select 'U' || lpad((i * 5000 // {rows})::varchar, 5, '0') as underlying, i as contract_number,
    date '2025-01-10' + (i % 400)::int as expiry_date, i % 2 = 0 as is_call,
    (i % 300 + 1) * 2.5 as strike_usd, round(random() * 40, 2) as bid_usd, round(random() * 40, 2) as ask_usd,
    random() as iv_ratio, random() * 2 - 1 as delta_ratio, random() * random() as gamma_ratio, -random() as theta_usd,
    random() as vega_usd, (random() * 500)::bigint as volume_contracts,
    (random() * 20000)::bigint as open_interest_contracts
from range({rows}) t(i)
"""
_MART = """
select session_date, sum(gamma_ratio * open_interest_contracts * if(is_call, 1, -1)) as gamma_number,
    count(*) as contracts_count
from {chains} where session_date = date '{day}' group by session_date
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One release: after so many weeks and rows, seconds of landing the last week, of its aggregates, and of each way.

    Megabytes are those of the release. None: the rows are no longer put into the file.
    """

    weeks: int
    rows: int
    landing: tuple[float | None, float]
    aggregates: tuple[float | None, float]
    release: tuple[float | None, float]
    megabytes: tuple[float | None, float]


def curve(folder: Path, rows: int, weeks: int, in_file: int) -> list[Point]:
    """Land `weeks` weeks, and release at the first ones, at each quarter and at the last."""
    server = PostgresServer(folder / "postgres")
    try:
        server.start()
        server.asked("create database lake")
        address = f"postgresql://{OWNER}:{server.password}@{HOST}:{server.port}/lake?data={folder / 'data'}"
        with (
            closing(duckdb.connect(str(folder / "build.duckdb"), config=_MEMORY)) as build,
            closing(duckdb.connect(str(folder / "small.duckdb"), config=_MEMORY)) as small,
        ):
            attach(small, lake_of(address))
            return _weeks(build, small, folder, rows, weeks, in_file)
    finally:
        server.stop()


def _weeks(
    build: duckdb.DuckDBPyConnection,
    small: duckdb.DuckDBPyConnection,
    folder: Path,
    rows: int,
    weeks: int,
    in_file: int,
) -> list[Point]:
    asked = {*_EARLY, in_file, *(round(weeks * quarter / 4) for quarter in range(1, 5))}
    points = []
    (folder / "data").mkdir()
    written = folder / "data" / "week.parquet"
    build.execute(f"copy ({_WEEK.format(rows=rows)}) to '{written}' (compression zstd)")
    for week in range(1, weeks + 1):
        day = date(2025, 1, 3) + timedelta(weeks=week)
        file = folder / "data" / f"session_date={day}" / "week.parquet"
        file.parent.mkdir()
        os.link(written, file)
        one = _Week(week, day, file, is_asked=week in asked)
        lake = _timed(small, one, folder, None)
        held = _timed(build, one, folder, "chains") if week <= in_file else (None, None, None, None)
        if one.is_asked:
            points.append(Point(week, week * rows, *zip(held, lake, strict=True)))
    return points


@dataclass(frozen=True, slots=True)
class _Week:
    number: int
    day: date
    file: Path
    is_asked: bool

    def into(self, table: str, select: str) -> str:
        return f"{f'create table {table} as' if self.number == 1 else f'insert into {table}'} {select}"


def _timed(
    con: duckdb.DuckDBPyConnection, week: _Week, folder: Path, table: str | None
) -> tuple[float, float, float, float]:
    """Return seconds of landing a week, of its aggregates and of a release, and its megabytes; `table`: in the file."""

    def land() -> None:
        if table is None:
            register(con, "panel.chains", [str(week.file)], comment=f"week {week.number}")
        else:
            rows = f"from read_parquet('{week.file}')"
            con.execute(f"{week.into(table, rows)}; checkpoint")

    select = _MART.format(chains=table or "lake.panel.chains", day=week.day)
    landing = _seconds(land)
    aggregates = _seconds(lambda: con.execute(week.into("mart", select)))
    if not week.is_asked:
        return landing, aggregates, 0.0, 0.0
    path = folder / "release.duckdb"
    tables = ["mart"] if table is None else [table, "mart"]
    release = _seconds(lambda: _release(con, path, tables, newest_snapshot(con) if table is None else None))
    megabytes = path.stat().st_size / 1e6
    path.unlink()
    return landing, aggregates, release, megabytes


def _release(con: duckdb.DuckDBPyConnection, path: Path, tables: list[str], snapshot: int | None = None) -> None:
    """Copy tables into a new file, as a publication does."""
    con.execute(f"attach '{path}' as release")
    for table in tables:
        con.execute(f"create table release.{table} as from {table}")
    con.execute(f"create table release.build as select {snapshot or 'null'} as lake_snapshot")
    con.execute("checkpoint release")
    con.execute("detach release")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _told(seconds: float | None, digits: int) -> str:
    return "" if seconds is None else f"{seconds:,.{digits}f}"


def main() -> None:
    """Print the curve."""
    given = [int(word) for word in sys.argv[1:4]]
    rows, weeks = (*given[:2], *(ROWS, WEEKS)[len(given) :])[:2]
    in_file = given[2] if len(given) > 2 else weeks
    with bench_folder() as folder:
        folder.chmod(0o755)  # PostgreSQL may run as somebody else
        points = curve(folder, rows, weeks, in_file)
    ways = (f"{what}: {where}" for what in ("landing, s", "aggregates, s", "release, s", "MB") for where in _WAYS)
    print(f"| weeks | million rows | {' | '.join(ways)} |")
    print("|---" * 10 + "|")
    for one in points:
        pairs = ((one.landing, 2), (one.aggregates, 2), (one.release, 3), (one.megabytes, 1))
        cells = (_told(value, digits) for pair, digits in pairs for value in pair)
        print(f"| {one.weeks} | {one.rows / 1e6:,.1f} | {' | '.join(cells)} |")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{rows:,} rows a week; peak memory of the process {usage.ru_maxrss * 1024 / 1e9:.2f} GB, "
        f"{usage.ru_utime + usage.ru_stime:.0f} s of processor; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
