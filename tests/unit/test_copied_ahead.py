"""Tables of a release copied while the rest is computed: the same release, or nothing left of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from ingest.errors import HomeUnusable
from ingest.home import Home
from tests.unit.databases import opened_build
from warehouse import copied_ahead
from warehouse.as_of_text import Compiled, keep_compiled
from warehouse.connection import connect
from warehouse.copied_ahead import CopiedAhead
from warehouse.publish import publish
from warehouse.snapshot_store import store_in

NOW = datetime(2026, 3, 6, 22, 30, tzinfo=UTC)
EARLY = {("marts", "spreads"), ("marts", "newest"), ("meta", "freshness")}
BUILT = """
    create schema marts; create schema meta; create schema claims;
    create table marts.spreads as
        select date '2026-03-02' + i::int as session_date, i * 1.5 as hy_oas_bp from range(9) t(i);
    comment on table marts.spreads is 'Spreads; of ''high yield''.';
    comment on column marts.spreads.hy_oas_bp is 'bp';
    create view marts.newest as select max(session_date) as session_date from marts.spreads;
    comment on view marts.newest is 'The newest.';
    create table meta.freshness as select 'hy_oas' as series_id, 'fred' as provider, 'fresh' as state;
    create table marts.regimes as select date '2026-03-02' as session_date, 'calm' as state;
    comment on table marts.regimes is 'Regimes.';
"""


Begin = Callable[[duckdb.DuckDBPyConnection, Home], CopiedAhead]
COMPILED = [Compiled("marts", "spreads", {"rows_by": "session_date"}, "select 1")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    with opened_build(home) as con:
        con.execute(BUILT)
        keep_compiled(con, COMPILED)
    return home


def early(con: duckdb.DuckDBPyConnection, home: Home) -> CopiedAhead:
    ahead = CopiedAhead(con, home, is_simulated=True)
    ahead.copy(EARLY)
    return ahead


def early_in_parts(con: duckdb.DuckDBPyConnection, home: Home) -> CopiedAhead:
    """Copy rows of some while the others are still built, then all."""
    ahead = CopiedAhead(con, home, is_simulated=True)
    ahead.copy_rows([("marts", "spreads"), ("intermediate", "is_in_no_release")])
    con.execute(
        "create or replace table meta.freshness as select 'hy_oas' as series_id, 'fred' as provider, 'fresh' as state"
    )
    ahead.copy_rows([("meta", "freshness")])
    ahead.copy(EARLY)
    return ahead


def begun(home: Home, *, then: str = "", is_ended: bool = False, begin: Begin = early) -> CopiedAhead:
    """Copy what is early, and meanwhile let the build file change."""
    with connect(home) as con:
        ahead = begin(con, home)
        if then:
            con.execute(then)
        if is_ended:
            ahead.end_marts(store_in(home.snapshots, None), code_version="1", origin="SIMULATED", now=NOW)
        ahead.finish()
    return ahead


def published(home: Home, ahead: CopiedAhead | None = None) -> Path:
    return publish(
        home, run_id="r", now=NOW, origin="SIMULATED", code_version="1", keep=3, ahead=ahead
    ).path  # fmt: skip


def content(path: Path) -> list[tuple[object, ...]]:
    """Everything that a reader sees of the file: tables, columns, comments, rows, macros, views."""
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute("select schema_name, table_name, comment from duckdb_tables() order by all").fetchall()
        columns = con.execute(
            "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
            " where not internal order by all"
        ).fetchall()
        rows = [
            (schema, table, *con.execute(f"from {schema}.{table} order by all").fetchall())
            for schema, table, _ in tables
        ]
        stored = con.execute(
            "select 'macro', function_name, macro_definition, comment from duckdb_functions() where not internal"
            " union all select 'view', view_name, sql, comment from duckdb_views() where not internal order by all"
        ).fetchall()
    return [*tables, *columns, *rows, *stored]


@pytest.mark.parametrize("begin", [early, early_in_parts])
@pytest.mark.parametrize("is_ended", [False, True])
def test_the_release_is_the_same(home, tmp_path, is_ended, begin):
    other = Home(tmp_path / "other").ensure()
    with opened_build(other) as con:
        con.execute(BUILT)
        keep_compiled(con, COMPILED)
    made = content(published(home, begun(home, is_ended=is_ended, begin=begin)))
    assert made == content(published(other))
    assert any("spreads_as_of" in str(one[1]) for one in made), "the past of a mart is among what is compared"
    assert sorted(path.suffix for path in home.releases.iterdir()) == [".duckdb", ".sha256"]


def test_rows_are_copied_while_others_are_built_and_get_their_comments_later(home):
    with connect(home) as con:
        ahead = CopiedAhead(con, home, is_simulated=True)
        ahead.copy_rows([("marts", "spreads")])
        ahead.begin(lambda *_: None).result(20)
        assert not ahead.relations, "without its comments it is not there yet"
        con.execute("delete from marts.spreads")  # no build does: it shows when the rows were taken
        ahead.copy(EARLY)
        ahead.finish()
    with duckdb.connect(str(ahead.path), read_only=True) as file:
        assert file.execute("select count(*) from marts.spreads").fetchone() == (9,)
        said = file.execute("select comment from duckdb_tables() where table_name = 'spreads'").fetchone()
    assert said == ("SIMULATED. Spreads; of 'high yield'.",)
    ahead.discard()


def test_marts_that_come_later_are_copied_before_what_reads_them_is_written(home):
    ahead = begun(home, then="insert into marts.regimes values (date '2026-03-03', 'storm')", is_ended=True)
    assert ("marts", "regimes") in ahead.relations
    path = published(home, ahead)
    assert ahead.head is not None
    assert path.name == f"tidegauge_{ahead.head.build_id}.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("select count(*) from marts.regimes").fetchone() == (2,)
        assert con.execute("select count(*), min(session_date) from marts.spreads_as_of('2026-03-04')").fetchone() == (
            3,
            date(2026, 3, 2),
        )


def test_a_piece_gives_its_result_and_what_fails_ends_the_copy(home):
    with connect(home) as con:
        ahead = early(con, home)
        told = ahead.begin(lambda con, _: con.execute("select 7").fetchone())
        failed = ahead.begin(lambda con, _: con.execute("select * from marts.nothing"))
        with pytest.raises(duckdb.CatalogException, match="nothing"):
            ahead.finish()
        assert told.result() == (7,)
        assert isinstance(failed.exception(), duckdb.CatalogException)
        ahead.discard()
    assert not list(home.releases.iterdir())


def test_what_changes_afterwards_is_copied_by_the_publication_alone(home):
    ahead = begun(home, then="insert into marts.regimes values (date '2026-03-03', 'storm')")
    with duckdb.connect(str(published(home, ahead)), read_only=True) as con:
        assert con.execute("select count(*) from marts.regimes").fetchone() == (2,)
        assert con.execute("select rows_count from meta.build").fetchone() == (9 + 1 + 2,)


def test_a_copy_that_is_not_wanted_leaves_nothing(home):
    first = published(home)
    ahead = begun(home)
    assert published(home, ahead) == first, "the content is the same: the release stays"
    ahead.discard()
    assert sorted(path.name for path in home.releases.iterdir()) == [first.name, f"{first.name}.sha256"]


def test_a_copy_that_is_under_way_is_stopped(home):
    with connect(home) as con:
        con.execute(
            "create or replace view marts.newest as select count(*) as n from range(100000000000) where range % 7 = 3"
        )
        ahead = early(con, home)
        ahead.discard()
    assert not list(home.releases.iterdir())


def test_a_full_disk_is_said_when_the_copy_is_asked_for(home, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copied_ahead, "copy_table", full)
    with connect(home) as con:
        ahead = early(con, home)
        with pytest.raises(HomeUnusable, match="is full"):
            ahead.finish()
        ahead.discard()
    assert not list(home.releases.iterdir())
