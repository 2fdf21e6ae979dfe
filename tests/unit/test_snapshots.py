from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.clock import naive_utc
from ingest.dataset import Dataset
from tests.unit.snapshot_sample import CHAINS, DAY, NOW, SEEN, chain
from warehouse import snapshots
from warehouse.own_tables import bring_up, own_table
from warehouse.snapshot_files import damaged_files, left_over_files
from warehouse.snapshot_views import refresh_views, snapshot_macros
from warehouse.snapshots import LandedSnapshot, answers_by_group, groups_of_newest_day, land_snapshot, rows_by_day

LATER = SEEN + timedelta(hours=1)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("create schema quarantine")
        for name in ("ops.snapshot_files", "ops.snapshot_expired"):
            bring_up(con, own_table(name))
        yield con


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


def land(
    con: duckdb.DuckDBPyConnection,
    root: Path,
    rows: pl.DataFrame,
    refused: pl.DataFrame | None = None,
    *,
    table: Dataset = CHAINS,
    now: datetime | None = None,
) -> LandedSnapshot:
    none = rows.clear().with_columns(reason=pl.lit("", dtype=pl.String))
    con.begin()
    try:
        done = land_snapshot(
            con, root, table, rows, none if refused is None else refused, run_id="r", now=now or naive_utc(NOW)
        )
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return done


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_day_is_one_file_sorted_by_group_with_both_clocks(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    rows = chain(("BBB", "AAA"))
    assert land(con, root, rows) == LandedSnapshot(20, 0, 0, DAY)
    (file,) = files(root)
    assert file.startswith(f"made_up/chains/{DAY}/")
    kept = pl.read_parquet(root / file)
    assert kept["underlying"].is_sorted()
    assert kept.select("known_at", "known_basis").unique().rows() == [(SEEN, "captured")]
    assert kept.drop("known_at", "known_basis").equals(
        rows.drop("stated_at", "fetched_at").sort("session_date", "underlying", "contract")
    )
    assert con.execute(
        "select table_id, part, period_date, file, rows_count, payloads, known_at from ops.snapshot_files"
    ).fetchall() == [("made_up.chains", "accepted", DAY, file, 20, ["p-AAA", "p-BBB"], SEEN)]
    assert con.execute("select count(*), sum(open_interest) from made_up.chains").fetchone() == (20, 90)
    assert con.execute("select count(*) from made_up.chains_latest").fetchone() == (20,)
    assert rows_by_day(con, CHAINS) == {DAY: 20}
    assert answers_by_group(con, CHAINS, 14) == {"AAA": {DAY: 10}, "BBB": {DAY: 10}}


def test_several_days_of_one_answer_are_a_file_each(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    before = DAY - timedelta(days=1)
    land(con, root, pl.concat([chain(day=before, payload="q"), chain()]))
    assert [Path(file).parent.name for file in files(root)] == [str(before), str(DAY)]
    assert con.execute("select session_date, count(*) from made_up.chains_latest group by 1 order by 1").fetchall() == [
        (before, 20),
        (DAY, 20),
    ]


def test_what_is_held_is_told_by_the_newest_day(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    assert groups_of_newest_day(con, CHAINS) == {}
    land(con, root, pl.concat([chain(("OLD",), day=DAY - timedelta(days=1), payload="q"), chain()]))
    assert groups_of_newest_day(con, CHAINS) == {"AAA": DAY, "BBB": DAY}
    assert groups_of_newest_day(con, replace(CHAINS, group=None)) == {"": DAY}


def test_the_newest_answer_of_each_group_is_the_latest_and_the_earlier_one_remains(
    con: duckdb.DuckDBPyConnection, root: Path
) -> None:
    land(con, root, chain(bid=1.0))
    done = land(con, root, chain(("BBB",), bid=2.0, payload="q", seen=LATER))
    assert done == LandedSnapshot(0, 10, 0, DAY)
    assert con.execute(
        "select underlying, min(bid_usd), max(bid_usd), count(*) from made_up.chains_latest group by 1 order by 1"
    ).fetchall() == [("AAA", 1.0, 1.0, 10), ("BBB", 2.0, 2.0, 10)]
    assert con.execute("select count(*) from made_up.chains").fetchone() == (30,)


def test_the_same_payloads_again_are_nothing_new(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    land(con, root, chain())
    assert land(con, root, chain(seen=LATER)) == LandedSnapshot(0, 0, 0, DAY)
    assert len(files(root)) == 1
    partly = pl.concat([chain(("AAA",), seen=LATER), chain(("BBB",), payload="q", seen=LATER)])
    assert land(con, root, partly) == LandedSnapshot(0, 10, 0, DAY)


def test_an_answer_of_the_same_moment_counts_after_the_one_it_replaces(
    con: duckdb.DuckDBPyConnection, root: Path
) -> None:
    land(con, root, chain(bid=1.0))
    land(con, root, chain(bid=2.0, payload="q"))
    assert con.execute("select distinct bid_usd, known_at from made_up.chains_latest").fetchall() == [
        (2.0, SEEN + timedelta(microseconds=1))
    ]


def test_a_group_is_known_when_its_last_row_came(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    page = chain(("BBB",)).with_columns(contract=pl.col("contract") + "x", fetched_at=pl.lit(LATER))
    land(con, root, pl.concat([chain(), page]))
    assert con.execute(
        "select underlying, known_at, count(*) from made_up.chains group by all order by 1"
    ).fetchall() == [
        ("AAA", SEEN, 10),
        ("BBB", LATER, 20),
    ]


def test_what_the_source_states_of_a_whole_group_is_its_vintage(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    stated = datetime(2026, 11, 18, 21, 0)
    rows = chain().with_columns(stated_at=pl.when(pl.col("underlying") == "AAA").then(pl.lit(stated)))
    land(con, root, rows.cast({"stated_at": pl.Datetime("us")}))
    assert con.execute(
        "select distinct underlying, known_at, known_basis from made_up.chains order by 1"
    ).fetchall() == [
        ("AAA", stated, "vintage"),
        ("BBB", SEEN, "captured"),
    ]


def test_without_groups_the_newest_file_of_a_day_counts(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    table = replace(CHAINS, group=None)
    land(con, root, chain(), table=table)
    land(con, root, chain(("AAA",), payload="q", seen=LATER), table=table)
    assert con.execute("select distinct underlying, known_at from made_up.chains_latest").fetchall() == [("AAA", LATER)]


def test_no_rows_land_as_nothing_and_the_views_are_there(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    assert land(con, root, chain().clear()) == LandedSnapshot(0, 0, 0, None)
    assert con.execute("describe made_up.chains").fetchall() == con.execute("describe made_up.chains_latest").fetchall()
    assert con.execute("select count(*) from made_up.chains").fetchone() == (0,)
    land(con, root, chain())
    assert [row[:2] for row in con.execute("describe made_up.chains").fetchall()][-3:] == [
        ("payload_sha256", "VARCHAR"),
        ("known_at", "TIMESTAMP"),
        ("known_basis", "VARCHAR"),
    ]


def test_refused_rows_are_kept_as_columns_with_their_reason_once(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    refused = chain(("AAA",), contracts=2).with_columns(reason=pl.lit("bid_usd_is_not_negative"))
    assert land(con, root, chain(("BBB",)), refused).rows_refused == 2
    again = refused.with_columns(fetched_at=pl.lit(LATER))
    assert land(con, root, chain(("BBB",), payload="q", seen=LATER), again).rows_refused == 0
    assert con.execute("select contract, reason, fetched_at from quarantine.made_up_chains").fetchall() == [
        ("AAA0000", "bid_usd_is_not_negative", SEEN),
        ("AAA0001", "bid_usd_is_not_negative", SEEN),
    ]
    assert con.execute("select count(*) from made_up.chains where underlying = 'AAA'").fetchone() == (0,)


def test_killed_between_file_and_row_nothing_is_wrong_and_the_next_run_lands_it(
    con: duckdb.DuckDBPyConnection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(snapshots._Landing, "_record", _killed)
        with pytest.raises(KeyboardInterrupt):
            land(con, root, chain())
    assert con.execute("select count(*) from ops.snapshot_files").fetchone() == (0,)
    assert [Path(file).relative_to(root).as_posix() for file, _ in left_over_files(con, root)] == files(root)
    assert damaged_files(con, root, full=True) == []
    land(con, root, chain())
    assert con.execute("select count(*) from made_up.chains").fetchone() == (20,)
    assert len(files(root)) == 1
    assert left_over_files(con, root) == []


def test_killed_while_writing_no_file_has_its_name_and_the_rest_is_swept(
    con: duckdb.DuckDBPyConnection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = root / "made_up" / "chains" / str(DAY) / "1.unfinished"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PAR1")
    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", _killed)
        with pytest.raises(KeyboardInterrupt):
            land(con, root, chain())
    assert files(root) == []


def test_killed_before_the_commit_the_views_are_those_of_before(
    con: duckdb.DuckDBPyConnection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(con, root, chain())
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "refresh_views", _killed)
        with pytest.raises(KeyboardInterrupt):
            land(con, root, chain(payload="q", seen=LATER))
    assert con.execute("select count(*) from made_up.chains").fetchone() == (20,)


def test_the_same_answers_give_the_same_files_again(con: duckdb.DuckDBPyConnection, root: Path, tmp_path: Path) -> None:
    answers = [chain(), chain(("BBB",), payload="q", seen=LATER), chain(day=DAY + timedelta(days=1), payload="r")]
    for rows in answers:
        land(con, root, rows)
    other = tmp_path / "other"
    con.execute("delete from ops.snapshot_files")  # as in a fresh build file
    for rows in answers:
        land(con, other, rows, now=naive_utc(NOW) + timedelta(days=9))
    assert files(other) == files(root)


def test_damage_is_named_and_landing_again_mends_it(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    land(con, root, chain())
    land(con, root, chain(day=DAY - timedelta(days=1), payload="q"))
    older, newer = files(root)
    sound = (root / newer).read_bytes()
    _replace(root / newer, bytes([*sound[:-20], sound[-20] ^ 1, *sound[-19:]]))
    (root / older).unlink()
    assert [one.file for one in damaged_files(con, root, full=False)] == [older]
    found = damaged_files(con, root, full=True)
    assert [one.file for one in found] == [older, newer]
    assert "is missing" in found[0].said
    assert "expected sha256" in found[1].said
    con.execute("delete from ops.snapshot_files")
    land(con, root, chain())
    assert (root / newer).read_bytes() == sound


def test_days_past_those_kept_leave_the_views_and_later_the_disk(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    table = replace(CHAINS, keep_days=2)
    for back in (3, 2, 0):
        land(con, root, chain(day=DAY - timedelta(days=back), payload=str(back)), table=table)
    days = "select distinct session_date from made_up.chains order by 1"
    assert con.execute(days).fetchall() == [(DAY - timedelta(days=2),), (DAY,)]
    assert len(files(root)) == 3
    soon, late = (naive_utc(NOW) + timedelta(days=after) for after in (29, 31))
    land(con, root, chain().clear(), table=table, now=soon)
    assert len(files(root)) == 3
    land(con, root, chain().clear(), table=table, now=late)
    assert len(files(root)) == 2
    assert damaged_files(con, root, full=True) == []


def test_a_published_file_reads_its_own_files_wherever_they_lie_and_as_of_any_moment(
    con: duckdb.DuckDBPyConnection, root: Path, tmp_path: Path
) -> None:
    land(con, root, chain(bid=1.0))
    land(con, root, chain(("BBB",), bid=2.0, payload="q", seen=LATER))
    land(con, root, chain(day=DAY + timedelta(days=1), payload="r", seen=SEEN + timedelta(days=1)))
    published = tmp_path / "published.duckdb"
    with duckdb.connect(str(published)) as release:
        for macro in snapshot_macros(con, root, [CHAINS]):
            for statement in macro.statements("build", "SIMULATED. "):
                release.execute(statement)
    land(con, root, chain(payload="s", bid=9.0, seen=SEEN + timedelta(days=2)))  # after the publication
    moved = tmp_path / "moved"
    root.rename(moved)
    count = "select count(*), max(bid_usd) from snapshots.made_up_chains"
    with duckdb.connect(str(published), read_only=True) as reader:
        assert reader.execute(f"{count}(folder := '{moved}')").fetchone() == (40, 2.0)
        asof = f"(moment := timestamp '{SEEN}', folder := '{moved}')"
        assert reader.execute(f"{count}{asof}").fetchone() == (20, 1.0)
        assert "SIMULATED" in str(
            reader.execute("select comment from duckdb_functions() where comment is not null").fetchall()
        )
    moved.rename(root)
    with duckdb.connect(str(published), read_only=True) as reader:
        assert reader.execute(f"{count}()").fetchone() == (40, 2.0)


def test_a_column_that_is_new_is_null_in_older_files(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    less = replace(CHAINS, values=CHAINS.values[:-1])
    land(con, root, chain().drop("open_interest"), table=less)
    refresh_views(con, root, CHAINS)
    assert con.execute("select count(*), count(open_interest) from made_up.chains_latest").fetchone() == (20, 0)
    land(con, root, chain(day=DAY + timedelta(days=1), payload="q"))
    assert con.execute("select count(*), count(open_interest) from made_up.chains_latest").fetchone() == (40, 20)


def test_a_table_kept_in_rows_is_refused(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    with pytest.raises(ValueError, match="is kept in rows"):
        land(con, root, chain(), table=replace(CHAINS, storage="rows"))


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _replace(path: Path, body: bytes) -> None:
    path.unlink()
    path.write_bytes(body)
