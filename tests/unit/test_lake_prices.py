"""Prices beyond the core universe in a lake: the same rows as without one, whenever a run is killed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.batch import Batch, GateResult, Window
from ingest.catalog import load_catalog
from ingest.errors import AuditFailed
from ingest.home import Home
from ingest.settings import Settings
from orchestration.archive_check import snapshot_findings
from orchestration.lake_check import lake_finding, lake_loss
from orchestration.verify_command import verify_lake
from tests.unit.lakes import address_of, new_lake
from tests.unit.postgres_server import Server, running
from tests.unit.test_panel_landing import price, rows_of
from warehouse import rebuild as rebuilding
from warehouse.connection import connect, migrate
from warehouse.lake import commit, wide_prices
from warehouse.lake import snapshots as lake_snapshots
from warehouse.lake.belonging import claim
from warehouse.lake.errors import LakeLost
from warehouse.lake.setting import Lake
from warehouse.lake.snapshots import bring_in, create_tables, register_snapshots
from warehouse.landing import land
from warehouse.snapshot_store import FolderStore, SnapshotStore, store_in
from warehouse.status import build_file, status

FIRST = date(2026, 6, 1)
DAYS = [FIRST + timedelta(days=day) for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]
KEPT = "ticker, session_date, close_usd, volume_shares, known_at, known_basis, payload_sha256"
RECORDS = ("ops.answers", "ops.shrinkages", "quarantine.refused_rows", "ops.held")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build file in which IN is a member of the index; WIDE and ZED are beyond it."""
    home = Home(tmp_path_factory.mktemp("empty"))
    con = connect(home)
    migrate(con)
    stays = rows_of("sp500_membership.intervals", at(0), ("IN", date(2000, 1, 3), "IN", None, None, None))
    land(con, *batch_of("sp500_membership", stays, [Window("", None)]), load_catalog(), "members", at(0))
    con.close()
    return home.warehouse


def at(day: int) -> datetime:
    return datetime(2026, 6, 12, 23, tzinfo=UTC) + timedelta(days=day)


def batch_of(
    source: str, accepted: pl.DataFrame, windows: Sequence[Window], refused: pl.DataFrame | None = None, day: int = 0
) -> tuple[Batch, GateResult]:
    table = windows[0].table_id or f"{source}.intervals"
    out = (accepted.clear() if refused is None else refused).with_columns(pl.lit("a reason").alias("reason"))
    name = "yahoo_prices" if source == "yahoo" else ""
    batch = Batch(source, {table: pl.concat([accepted, out.drop("reason")])}, tuple(windows), (), (), at(day), name)
    return batch, GateResult({table: accepted}, {table: out}, (), None)


def answer(day: int, closes: dict[str, dict[date, float | None]], refused: Sequence[tuple] = ()):
    rows = [price(ticker, on, close) for ticker, of_days in closes.items() for on, close in of_days.items()]
    windows = [Window(ticker, DAYS[0], DAYS[-1], table_id="yahoo.prices") for ticker in closes]
    out = rows_of("yahoo.prices", at(day), *refused)
    return batch_of("yahoo", rows_of("yahoo.prices", at(day), *rows), windows, out, day)


ALL = {day: 10.0 + number for number, day in enumerate(DAYS)}
ANSWERS = (
    answer(0, {"IN": ALL, "WIDE": ALL, "ZED": dict(list(ALL.items())[:4])}),
    answer(1, {"IN": ALL, "WIDE": ALL}),  # nothing new
    answer(2, {"IN": {**ALL, DAYS[3]: 50.0}, "WIDE": {**ALL, DAYS[3]: 51.0}}),  # a later vintage
    answer(3, {name: {day: close for day, close in ALL.items() if day != DAYS[5]} for name in ("IN", "WIDE")}),  # gone
    answer(4, {"WIDE": dict(list(ALL.items())[:6])}, [price("ZED", DAYS[6], -1.0)]),  # frozen; one refused
    answer(5, {"WIDE": {DAYS[0]: 10.0, DAYS[-1]: 19.0}}),  # too much gone at once
    answer(6, {"ZED": ALL}),  # the rest of it
)


def begun(home: Home, lake: Lake | None) -> tuple[duckdb.DuckDBPyConnection, SnapshotStore]:
    """Open the build file as a run does."""
    con = connect(home, lake)
    migrate(con)
    store = store_in(home.snapshots, lake)
    if lake is not None:
        claim(con, home, lake)
        create_tables(con, lake)
        bring_in(con, store, home.snapshots, run_id="begin", now=at(0).replace(tzinfo=None))
    return con, store


def landed(con: duckdb.DuckDBPyConnection, store: SnapshotStore, answers: Sequence[tuple[Batch, GateResult]]) -> list:
    done = []
    for batch, gated in answers:
        result = land(con, batch, gated, load_catalog(), "r", batch.fetched_at, snapshots=store)
        done.append((result.state, result.rows_new, result.rows_changed, result.rows_withdrawn, result.error))
        if store.lake is not None:
            register_snapshots(con, store, batch.tables)
    return done


def new_home(folder: Path, empty: Path) -> Home:
    home = Home(folder).ensure()
    shutil.copyfile(empty, home.warehouse)
    return home


def rows(con: duckdb.DuckDBPyConnection) -> list[list[tuple]]:
    views = [
        con.execute(f"select {KEPT} from yahoo.{one} order by all").fetchall() for one in ("prices", "prices_latest")
    ]
    return views + [con.execute(f"from {record} order by all").fetchall() for record in RECORDS]


def places(con: duckdb.DuckDBPyConnection) -> tuple[set, set]:
    parts = ("yahoo.prices_in_file", "lake.yahoo.prices")
    one, other = ({name for (name,) in con.execute(f"select distinct ticker from {part}").fetchall()} for part in parts)
    return one, other


def relations(con: duckdb.DuckDBPyConnection) -> set:
    return set(con.execute("select sql from duckdb_tables() union all select sql from duckdb_views()").fetchall())


def without_a_lake(folder: Path, empty: Path, answers: Sequence[tuple[Batch, GateResult]]) -> tuple[list, list]:
    """Return what is done and held without a lake."""
    con, store = begun(new_home(folder, empty), None)
    before = relations(con)
    done, held = landed(con, store, answers), rows(con)
    assert relations(con) == before, "without a lake there is no view and no other table"
    assert not any("in_file" in sql for (sql,) in before if sql)
    con.close()
    return done, held


@pytest.mark.parametrize(
    ("answers", "vintages", "in_lake"),
    [
        pytest.param(ANSWERS[:3:2], (26, 24), 15, id="a first answer and a later one"),
        pytest.param(ANSWERS, (36, 30), 23, marks=pytest.mark.slow, id="every rule of landing"),
    ],
)
def test_the_same_lands_in_two_places(server, tmp_path, empty, answers, vintages, in_lake):
    expected = without_a_lake(tmp_path / "plain", empty, answers)
    assert tuple(len(part) for part in expected[1][:2]) == vintages
    home, lake = new_home(tmp_path / "home", empty), new_lake(server, tmp_path / "data")
    con, store = begun(home, lake)
    assert landed(con, store, answers) == expected[0]
    assert rows(con) == expected[1]
    assert places(con) == ({"IN"}, {"WIDE", "ZED"})
    assert con.execute("select count(*) from lake.yahoo.prices").fetchone() == (in_lake,)
    # later code: the table gets its better comment, the view stays one
    con.execute("delete from ops.migrations where name like '%yahoo.prices%'")
    assert migrate(con) == ["table yahoo.prices", "latest yahoo.prices"]
    assert rows(con) == expected[1]
    con.close()
    (yahoo,) = [one for one in status(home).sources if one.source == "yahoo_prices"]
    assert yahoo.rows_count == vintages[0], "status asks no lake"
    (good,) = snapshot_findings(home, lake, full=True)
    assert (good.level, "files are what was put there" in good.seen) == ("good", True)

    # a lake that was lost: one sentence says so wherever somebody looks
    settings = Settings(lake=address_of(lake), home=home.root)
    assert lake_loss(settings, home) is None
    _lose(server, lake)
    lost = f"{lake.address} has nothing of this home any more: set TIDEGAUGE_LAKE to the right one; if it is lost, "
    assert (lake_loss(settings, home) or "").startswith(f"{lost}`tidegauge rebuild` and then `tidegauge run` fill")
    bad = lake_finding(settings, home)[1]
    assert bad is not None
    assert (bad.level, bad.seen.startswith(lost)) == ("bad", True)


def _lose(server: Server, lake: Lake) -> None:
    with server.connect(dbname=lake.catalog.partition("dbname=")[2], autocommit=True) as catalog:
        catalog.execute("drop schema public cascade; create schema public")


@pytest.mark.slow
def test_whoever_reads_prices_says_that_the_lake_was_lost(server, tmp_path, empty):
    home, lake = new_home(tmp_path / "home", empty), new_lake(server, tmp_path / "data")
    con, _ = begun(home, lake)
    con.close()
    settings = Settings(lake=address_of(lake), home=home.root)
    found = lake_finding(settings, home)[1]
    assert found is not None
    assert found.level == "good"
    _lose(server, lake)
    with pytest.raises(LakeLost, match="has nothing of this home any more"):
        verify_lake(settings)
    with pytest.raises(LakeLost), build_file(home, is_active=False, lake=lake):
        pytest.fail("there is no lake")


def again(home: Home, lake: Lake, answers: Sequence[tuple[Batch, GateResult]]) -> int | None:
    """Rebuild from these answers; return how many rows were compared."""
    members = rows_of("sp500_membership.intervals", at(0), ("IN", date(2000, 1, 3), "IN", None, None, None))
    replayed = [batch_of("sp500_membership", members, [Window("", None)]), *answers]
    gates = {id(batch): gated for batch, gated in replayed}
    batches = [batch for batch, _ in replayed]
    gate = lambda _con, batch: gates[id(batch)]  # noqa: E731
    return rebuilding.rebuild(home, batches, gate, load_catalog(), run_id="rebuild", now=at(9), lake=lake).rows_compared


@pytest.mark.slow
def test_rows_of_before_are_moved_and_a_rebuild_gives_them_again(server, tmp_path, empty):
    home, lake = new_home(tmp_path / "home", empty), new_lake(server, tmp_path / "data")
    con, store = begun(home, None)
    landed(con, store, ANSWERS[:1])
    held = rows(con)[:2]
    con.close()
    con, store = begun(home, lake)
    assert rows(con)[:2] == held
    assert places(con) == ({"IN"}, {"WIDE", "ZED"})
    con.close()
    assert again(home, lake, ANSWERS[:1]) == len(held[0]) + 1
    con, store = begun(home, lake)
    assert rows(con)[:2] == held
    assert places(con) == ({"IN"}, {"WIDE", "ZED"})
    con.close()


@pytest.mark.slow
def test_a_rebuild_compares_what_is_in_the_lake_and_counts_what_was_lost(server, tmp_path, empty):
    expected = without_a_lake(tmp_path / "plain", empty, ANSWERS)
    home, lake = new_home(tmp_path / "home", empty), new_lake(server, tmp_path / "data")
    con, store = begun(home, lake)
    landed(con, store, ANSWERS)
    files = con.execute("select data_file from ducklake_list_files('lake', 'prices', schema => 'yahoo')").fetchall()
    con.close()
    with pytest.raises(AuditFailed, match=r"yahoo.prices: the old file has a row that the archive does not give: IN"):
        again(home, lake, ANSWERS[:2])
    for (file,) in files:
        Path(file).unlink()
    _lose(server, lake)
    with pytest.raises(AuditFailed, match="had 36 rows, the archive gives 46"):
        again(home, lake, (*ANSWERS, answer(9, {"NEW": ALL})))
    assert again(home, lake, ANSWERS) == len(expected[1][0]) + 1
    con, store = begun(home, lake)
    assert rows(con)[:2] == expected[1][:2]
    con.close()


class Killed(BaseException):
    """What a test raises where a process is to end."""


MOMENTS = (
    "before a file is written",
    "before a file is indexed",
    "before the commit",
    "before files are registered",
    "before the lake commits",
    "after all of it",
)


def _kill_at(moment: str, patch: pytest.MonkeyPatch, disk: Path, kept: Path) -> None:
    """Copy what is on the disk at a moment, as a kill would leave it, and end what is going on."""

    def end() -> None:
        shutil.copytree(disk, kept)
        raise Killed

    def before(owner: object, name: str) -> None:
        patch.setattr(owner, name, lambda *_arguments, **_named: end())

    def after(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def done(*arguments, **named):
            real(*arguments, **named)
            end()

        patch.setattr(owner, name, done)

    if moment == MOMENTS[0]:
        before(FolderStore, "write")
    elif moment == MOMENTS[1]:
        after(FolderStore, "write")
    elif moment == MOMENTS[2]:
        after(wide_prices, "_move_out")
    elif moment == MOMENTS[3]:
        before(lake_snapshots, "committing")
    elif moment == MOMENTS[4]:
        after(commit.Commit, "add")


@pytest.mark.parametrize(
    ("is_first", "moments"),
    [
        pytest.param(False, MOMENTS[3:4], id="after the commit of an answer"),
        pytest.param(False, MOMENTS, marks=pytest.mark.slow, id="an answer lands"),
        pytest.param(True, MOMENTS, marks=pytest.mark.slow, id="rows of before are moved"),
    ],
)
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(server, tmp_path, empty, is_first, moments):
    for moment in moments:
        home, lake = new_home(tmp_path / moment, empty), new_lake(server, tmp_path / f"data {moment}")
        kept = Home(tmp_path / f"killed {moment}")
        con, store = begun(home, None if is_first else lake)
        landed(con, store, ANSWERS[:2] if is_first else ())
        if is_first:
            con.close()
            con = connect(home, lake)
            claim(con, home, lake)
            create_tables(con, lake)
            store = store_in(home.snapshots, lake)
        with pytest.MonkeyPatch.context() as patch:
            _kill_at(moment, patch, home.root, kept.root)
            with nullcontext() if moment == MOMENTS[-1] else pytest.raises(Killed):
                if is_first:
                    bring_in(con, store, home.snapshots, run_id="begin", now=at(0).replace(tzinfo=None))
                else:
                    landed(con, store, ANSWERS[:1])
                shutil.copytree(home.root, kept.root)
        con.close()
        con, store = begun(kept, lake)
        held = con.execute("select count(*), count(distinct (ticker, session_date)) from yahoo.prices").fetchone()
        has_landed = is_first or moment not in MOMENTS[:3]
        assert held == ((24, 24) if has_landed else (0, 0)), moment
        landed(con, store, ANSWERS[:1])
        assert con.execute("select count(*), count(distinct (ticker, session_date)) from yahoo.prices").fetchone() == (
            24,
            24,
        )
        assert places(con) == ({"IN"}, {"WIDE", "ZED"}), moment
        con.close()
