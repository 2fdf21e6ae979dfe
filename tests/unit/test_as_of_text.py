"""What a model declares of a past moment, and the select that its compiled SQL becomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb
import pytest

from ingest.errors import ConfigError
from warehouse.as_of_text import MOMENT, Compiled, Relations, compiled_in, keep_compiled, rule_of

COLUMNS = {
    "prints": ["day", "known_at"],
    "levels": ["day", "level"],
    "wide": ["day"],
    "scores": ["day"],
    "sessions": ["day", "close_at", "cutoff_at"],
}
VINTAGES = Compiled("intermediate", "vintages", {"rows_of": "prints"}, "select * from staging.prints")
NEWEST = Compiled(
    "intermediate",
    "newest",
    None,
    'select day, max_by(level, known_at) as level from "build"."intermediate"."vintages" group by day',
)
LEVELS = Compiled(
    "marts",
    "levels",
    "computed",
    '-- of "build"."marts"."nothing" this comment reads none\n'
    'select s.day, n.level, \'a "build"."marts"."text"\' as note\n'
    'from "build"."marts"."sessions" as s left join "build"."intermediate"."newest" as n on s.day = n.day -- the last',
)
WIDE = Compiled(
    "marts", "wide", "computed", 'with l as (from "build"."marts"."levels" select *) select max(level) as top from l'
)
SESSIONS = Compiled("marts", "sessions", {"rows_by": "close_at"}, "")
SCORES = Compiled("marts", "scores", {"none": "scores all of the history"}, "")
ALL = [VINTAGES, NEWEST, LEVELS, WIDE, SESSIONS, SCORES]


def relations(*more: Compiled) -> Relations:
    return Relations([*ALL, *more], COLUMNS)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """
        create schema marts;
        create table marts.prints as from (values
            (date '2026-01-05', 1.0, timestamp '2026-01-06'), (date '2026-01-05', 2.0, timestamp '2026-01-09'),
            (date '2026-01-06', 5.0, timestamp '2026-01-07')
        ) as t (day, level, known_at);
        create table marts.sessions as from (values
            (date '2026-01-05', timestamp '2026-01-05 21:00:00', timestamp '2026-01-06 14:15:00'),
            (date '2026-01-06', timestamp '2026-01-06 21:00:00', timestamp '2026-01-07 14:15:00')
        ) as t (day, close_at, cutoff_at);
        """
    )
    return con


def at(con: duckdb.DuckDBPyConnection, select: str | None, moment: str) -> list[tuple]:
    assert select is not None
    return con.execute(select.replace(MOMENT, f"timestamp '{moment}'")).fetchall()


def test_every_relation_is_what_was_known_of_it(con):
    levels = relations().select("levels")
    note = 'a "build"."marts"."text"'
    day, later = datetime(2026, 1, 5).date(), datetime(2026, 1, 6).date()
    assert at(con, levels, "2026-01-05 12:00") == []
    assert at(con, levels, "2026-01-06 12:00") == [(day, 1.0, note)]
    assert sorted(at(con, levels, "2026-01-09")) == [(day, 2.0, note), (later, 5.0, note)]


def test_a_computed_mart_may_read_another_whose_select_stands_in_it_once(con):
    wide = relations().select("wide")
    assert [at(con, wide, moment) for moment in ("2026-01-06 12:00", "2026-01-09")] == [[(1.0,)], [(5.0,)]]
    assert wide is not None
    assert wide.count("known_levels as materialized (") == 1


def test_a_mart_that_declares_nothing_keeps_its_rows_by_its_clock(con):
    assert relations().select("prints") == 'select * from marts."prints" where "known_at" <= $moment'
    assert relations().select("sessions") == 'select * from marts."sessions" where "close_at" <= $moment'
    for names, clock in ((["known_at", "cutoff_at"], "cutoff_at"), (["known_at", "settled_at"], "settled_at")):
        assert Relations([], {"m": names}).rule("marts", "m") == ("rows_by", clock)
    assert Relations([], {"m": ["day"]}).rule("marts", "m").kind == "none"


def test_a_select_by_hand_reads_rows_then_all_rows_and_what_was_known(con):
    text = (
        "select (select count(*) from stored.prints), (select count(*) from marts.prints),"
        " (select sum(level) from known.newest), $moment"
    )
    by_hand = relations(Compiled("marts", "levels", {"select": text}, ""))
    moment = datetime(2026, 1, 7)
    assert at(con, by_hand.select("levels"), "2026-01-07") == [(2, 3, 6.0, moment)]


def test_a_mart_without_a_past_has_no_select_and_nothing_can_be_computed_from_it():
    assert relations().select("scores") is None
    reader = Compiled("marts", "levels", "computed", 'from "build"."marts"."scores"')
    with pytest.raises(ConfigError, match=r"marts.scores scores all of the history: no mart can be computed"):
        relations(reader).select("levels")


def test_a_computed_mart_reads_nothing_that_the_file_lacks():
    reader = Compiled("marts", "levels", "computed", 'from "build"."catalog"."funds"')
    with pytest.raises(ConfigError, match=r"catalog.funds is neither a mart nor made from marts"):
        relations(reader).select("levels")
    with pytest.raises(ConfigError, match="sqlglot cannot read"):
        relations(Compiled("marts", "levels", "computed", "select (")).select("levels")


@pytest.mark.parametrize("declared", ["stored", {"rows_by": ""}, {"none": "a", "select": "b"}, 3, ["computed"], {}])
def test_what_declares_nothing_that_there_is_is_refused(declared: object):
    with pytest.raises(ConfigError, match=r"as_of of levels is .*; expected `computed`, or one of rows_by, rows_of"):
        rule_of("levels", declared)


def test_what_a_build_left_out_stays_as_an_earlier_one_compiled_it(con):
    assert compiled_in(con) == []
    keep_compiled(con, [LEVELS, SESSIONS])
    changed: Mapping[str, str] = {"rows_by": "cutoff_at"}
    keep_compiled(con, [Compiled("marts", "sessions", changed, "")])
    keep_compiled(con, [])
    assert compiled_in(con) == [LEVELS, Compiled("marts", "sessions", changed, "")]
