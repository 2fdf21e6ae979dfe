"""Breadth with a lake and without: the same tables, whatever is landed in between."""

from __future__ import annotations

import pytest

from analytics.breadth import in_lake
from analytics.breadth.bucketed import feature_columns
from analytics.breadth.lake_state import held_state
from analytics.breadth.lake_verify import buckets_in_lake, verified
from analytics.breadth.tables import update_breadth
from analytics.engines import bucket_of
from analytics.engines.fingerprint import fingerprint_of
from analytics.engines.on_lake import LakeRun
from tests.unit.databases import empty_build
from tests.unit.lakes import new_lake
from tests.unit.postgres_server import running
from tests.unit.test_breadth_tables import DAYS, NOW, TABLES, closes, landed, loaded, members, table
from tests.unit.test_panel_landing import price
from warehouse.connection import migrate
from warehouse.lake.attached import attach


@pytest.fixture(scope="module")
def server():
    with running() as found:
        yield found


@pytest.fixture
def both(server, tmp_path):
    """Two build files, one of them with a lake."""
    lake = new_lake(server, tmp_path / "lake")
    with empty_build(NOW) as plain, empty_build(NOW) as with_lake:
        attach(with_lake, lake)
        yield plain, with_lake, lake


def updated(both, run_id: str):
    plain, with_lake, lake = both
    ours, theirs = update_breadth(plain), update_breadth(with_lake, lake=LakeRun(lake, run_id))
    assert [table(with_lake, name) for name in TABLES] == [table(plain, name) for name in TABLES]
    assert_fingerprints(with_lake)
    return ours, theirs


def assert_fingerprints(con):
    state = held_state(con)
    whole = fingerprint_of(con, feature_columns(), "lake.breadth.features")
    told = [state.fingerprints[bucket] for bucket in sorted(state.fingerprints)]
    total = told[0]
    for one in told[1:]:
        total = total + one
    assert total == whole
    files = "ducklake_list_files('lake', '{}', schema => 'breadth')"
    for name in ("prices", "features"):
        cut = f"select count(*) from {files.format(name)} where delete_file is not null"
        assert con.execute(cut).fetchone() == (0,), "whoever reads the files of a snapshot has exactly its rows"


def on_both(both, work, *arguments):
    for con in both[:2]:
        work(con, *arguments)


def day(con, at: int) -> None:
    landed(
        con, "yahoo.prices", *(closes(ticker, DAYS, phase)[at] for phase, ticker in enumerate(("AAA", "BBB", "CCC")))
    )


def killed(*_):
    raise KeyboardInterrupt


def test_the_features_of_the_lake_are_those_of_the_file(both, monkeypatch):
    """One life of two homes, compared after each step: making them is what costs."""
    plain, con, lake = both
    monkeypatch.setattr(in_lake, "_TAIL_SESSIONS", 2)
    monkeypatch.setattr(in_lake, "_STOCKS_AT_ONCE", 1)

    assert update_breadth(plain).extent == "nothing"
    update = update_breadth(con, lake=LakeRun(lake, "no prices at all"))
    assert (update.extent, update.feature_rows) == ("all", 0)
    assert [table(con, name) for name in TABLES] == [[], [], []]

    on_both(both, members, ("BBB-2", DAYS[200], "BBB", None))  # a ticker that was borne before, by another stock
    on_both(both, loaded, len(DAYS) - 5)
    assert updated(both, "first")[1].extent == "all"
    assert updated(both, "nothing")[1].extent == "nothing"

    on_both(both, day, -5)
    ours, theirs = updated(both, "a day")
    assert theirs == ours
    assert (theirs.extent, theirs.feature_rows) == ("tail", 3)

    on_both(both, day, -4)
    before = table(con, "breadth.daily_counts")
    with monkeypatch.context() as patch:
        patch.setattr("analytics.breadth.tables.keep_state", killed)
        with pytest.raises(KeyboardInterrupt):
            update_breadth(con, lake=LakeRun(lake, "killed between the two databases"))
    assert table(con, "breadth.daily_counts") == before
    on_both(both, landed, "yahoo.prices", price("AAA", DAYS[-5], 80.0))
    assert updated(both, "again, and a close of the tail restated")[1].first_session == DAYS[-5]
    assert held_state(con).tail_from == DAYS[-3], "a long tail is left as it is"

    on_both(both, day, -3)
    on_both(both, landed, "yahoo.prices", price("AAA", DAYS[-9], 80.0))
    assert updated(both, "restated before the tail")[1].extent == "all"

    con.execute("update breadth.lake_state set tail_date = date '2026-01-02', features_snapshot = 999999")
    on_both(both, day, -2)
    assert updated(both, "not as remembered")[1].extent == "all"

    verdicts = list(verified(con, buckets_in_lake(con), wide=False))
    assert [one.is_equal for one in verdicts] == [True] * 4
    assert {one.engine for one in verdicts} == {"local"}
    con.execute("update breadth.lake_fingerprints set sum_hash = '0' where bucket_seq = ?", [bucket_of("BBB")])
    assert not next(verified(con, [bucket_of("BBB")], wide=False)).is_equal
    changed = "update lake.breadth.features set close_usd = close_usd + 0.01 where permid = 'AAA'"
    con.execute(f"{changed} and session_date = ?", [DAYS[0]])
    con.execute("update breadth.lake_state set features_snapshot = (select id from lake.current_snapshot())")
    [of_aaa] = verified(con, [bucket_of("AAA")], wide=False)
    assert of_aaa.recorded == of_aaa.computed != of_aaa.held
    assert str(of_aaa).startswith(f"bucket {bucket_of('AAA'):02}, computed by local: recorded ")
    on_both(both, day, -1)
    assert list(verified(con, [bucket_of("AAA")], wide=False)) == [], "raw tables have grown"

    con.execute("delete from ops.migrations where name = 'table breadth.features'")
    migrate(con)  # a view stands there now: it stays
    con.execute("drop table lake.breadth.features")
    assert updated(both, "the lake was lost")[1].extent == "all"
