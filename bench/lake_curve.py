"""A year of option contracts, week by week: what a release costs where the rows are in the file, and where in the lake.

    python -m bench.lake_curve [ROWS_A_WEEK] [WEEKS]

Ten million rows a week is what all chains twice a day would be; the default is a fiftieth of it. Each week lands as
Parquet. One way it is inserted into the build file too and every release copies that table; the other way it is
registered in a lake (catalog on a PostgreSQL of its own, data in a folder), and a release copies aggregates and names
the snapshot. Both releases are made in one process, one after the other, at the end of the first week and each quarter.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench import bench_folder
from orchestration.scale_demo.postgres import OWNER, PostgresServer
from orchestration.scale_demo.process import HOST
from warehouse.lake.attached import attach, newest_snapshot
from warehouse.lake.commit import register
from warehouse.lake.setting import lake_of

ROWS, WEEKS = 200_000, 52
_MEMORY = {"memory_limit": "1500MB", "preserve_insertion_order": "false"}
_WEEK = """
select date '2025-01-03' + {week} * 7 as session_date, 'U' || lpad((i % 5000)::varchar, 5, '0') as underlying,
    i as contract_number, date '2025-01-03' + {week} * 7 + (i % 400)::int as expiry_date, i % 2 = 0 as is_call,
    (i % 300 + 1) * 2.5 as strike_usd, round(random() * 40, 2) as bid_usd, round(random() * 40, 2) as ask_usd,
    random() as iv_ratio, random() * 2 - 1 as delta_ratio, random() * random() as gamma_ratio, -random() as theta_usd,
    random() as vega_usd, (random() * 500)::bigint as volume_contracts,
    (random() * 20000)::bigint as open_interest_contracts
from range({rows}) t(i) order by underlying, contract_number
"""
_MART = """
select session_date, sum(gamma_ratio * open_interest_contracts * if(is_call, 1, -1)) as gamma_number,
    count(*) as contracts_count
from {chains} group by session_date
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One release: after so many weeks and rows, seconds and bytes of each way, and of landing the last week."""

    weeks: int
    rows: int
    landing: tuple[float, float]
    release: tuple[float, float]
    megabytes: tuple[float, float]


def curve(folder: Path, rows: int, weeks: int) -> list[Point]:
    """Land `weeks` weeks both ways, and release at the first, at each quarter and at the last."""
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
            return _weeks(build, small, folder, rows, weeks)
    finally:
        server.stop()


def _weeks(
    build: duckdb.DuckDBPyConnection, small: duckdb.DuckDBPyConnection, folder: Path, rows: int, weeks: int
) -> list[Point]:
    asked = {1, *(round(weeks * quarter / 4) for quarter in range(1, 5))}
    points = []
    (folder / "data").mkdir()
    for week in range(1, weeks + 1):
        file = folder / "data" / f"week-{week:03}.parquet"
        build.execute(f"copy ({_WEEK.format(week=week, rows=rows)}) to '{file}' (compression zstd)")
        insert = "create table chains as" if week == 1 else "insert into chains"
        landing = (
            _seconds(lambda: build.execute(f"{insert} from read_parquet('{file}'); checkpoint")),  # noqa: B023
            _seconds(lambda: register(small, "panel.chains", [str(file)], comment=f"week {week}")),  # noqa: B023
        )
        mart = f"create or replace table {{}} as {_MART}"
        build.execute(mart.format("mart", chains="chains"))
        small.execute(mart.format("mart", chains="lake.panel.chains"))
        if week in asked:
            releases = [folder / "release-file.duckdb", folder / "release-lake.duckdb"]
            release = (
                _seconds(lambda: _release(build, releases[0], ["chains", "mart"])),  # noqa: B023
                _seconds(lambda: _release(small, releases[1], ["mart"], newest_snapshot(small))),  # noqa: B023
            )
            sizes = [path.stat().st_size / 1e6 for path in releases]
            points.append(Point(week, week * rows, landing, release, (sizes[0], sizes[1])))
            for path in releases:
                path.unlink()
    return points


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


def main() -> None:
    """Print the curve."""
    rows, weeks = (int(word) for word in (*sys.argv[1:3], *map(str, (ROWS, WEEKS)))[:2])
    with bench_folder() as folder:
        folder.chmod(0o755)  # PostgreSQL may run as somebody else
        points = curve(folder, rows, weeks)
    print("| weeks | million rows | landing a week: file, lake | release: file | release: lake | file MB | lake MB |")
    print("|---|---|---|---|---|---|---|")
    for one in points:
        print(
            f"| {one.weeks} | {one.rows / 1e6:.1f} | {one.landing[0]:.2f} s, {one.landing[1]:.2f} s "
            f"| {one.release[0]:.2f} s | {one.release[1]:.3f} s | {one.megabytes[0]:.0f} | {one.megabytes[1]:.1f} |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"{rows:,} rows a week; peak memory of the process {peak:.2f} GB")


if __name__ == "__main__":
    main()
