"""A wide mart is read by parts: the same rows and figures, without what the other columns rest on."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pytest

from ingest.errors import ConfigError
from warehouse.as_of_spine import Wide
from warehouse.as_of_text import Compiled, Relations

SPINE = "select day, day_number from known.days where day >= (select min(day) from marts.wide)"
WIDE = """with doubled as (
    select day, 2 * level as twice from "build"."marts"."levels" -- of a part ( with a bracket
),
tripled as (select day, twice + twice / 2 as thrice from doubled),
spine as (
    select day, day_number from "build"."marts"."days" where day >= least(
        (select min(day) from doubled), (select min(day) from "build"."marts"."prices")
    )
)
select
    s.day,
    l.level,
    round(l.level - lag(l.level) over (order by s.day_number), 6) as change, -- of the levels, from day to day
    t.thrice,
    p.price,
    p.price * l.level as product,
    n.note,
    'made up' as origin
from spine as s
left join "build"."marts"."levels" as l on s.day = l.day
left join tripled as t on s.day = t.day
left join "build"."marts"."prices" as p on s.day = p.day and p.ticker = 'A'
left join "build"."marts"."notes" as n on l.level = n.level"""
COLUMNS = {
    "days": ["day", "day_number", "close_at"],
    "levels": ["day", "level", "known_at"],
    "prices": ["day", "ticker", "price", "known_at"],
    "notes": ["level", "note", "known_at"],
    "wide": ["day"],
}


def relations(sql: str = WIDE) -> Relations:
    days = Compiled("marts", "days", {"rows_by": "close_at"}, "")
    return Relations([days, Compiled("marts", "wide", {"spine": SPINE}, sql)], COLUMNS)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """
        create schema marts;
        create table marts.days as
            select day, day_number, day + interval 21 hour as close_at
            from (values (date '2026-01-02', 1), (date '2026-01-05', 2), (date '2026-01-06', 3), (date '2026-01-07', 4))
                as t (day, day_number);
        create table marts.levels as from (values
            (date '2026-01-05', 10.0, timestamp '2026-01-06'), (date '2026-01-06', 12.5, timestamp '2026-01-07')
        ) as t (day, level, known_at);
        create table marts.prices as from (values
            (date '2026-01-05', 'A', 3.0, timestamp '2026-01-05'),
            (date '2026-01-05', 'B', 4.0, timestamp '2026-01-05'),
            (date '2026-01-06', 'A', 5.0, timestamp '2026-01-09')
        ) as t (day, ticker, price, known_at);
        create table marts.notes as from (values (12.5, 'high', timestamp '2026-01-01')) as t (level, note, known_at);
        create table marts.wide as from (values (date '2026-01-05')) as t (day);
        """
    )
    return con


def test_whole_and_by_parts_it_is_the_same(con):
    select = relations().select("wide")
    assert select is not None
    whole = con.execute(select, {"moment": datetime(2026, 1, 8)}).pl().sort("day")
    days = [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)]
    assert whole.rows() == [
        (days[0], 10.0, None, 30.0, 3.0, 30.0, None, "made up"),
        (days[1], 12.5, 2.5, 37.5, None, None, "high", "made up"),  # the price of the day came on the 9th
        (days[2], None, None, None, None, None, None, "made up"),
    ]
    parts = relations().parts("wide")
    assert [part.columns for part in parts] == [
        ("day", "origin", "level", "change"),
        ("day", "origin", "thrice"),
        ("day", "origin", "price"),
        ("day", "origin", "product"),
        ("day", "origin", "note"),
    ]
    for part in parts:
        found = con.execute(part.select, {"moment": datetime(2026, 1, 8)}).pl().sort("day")
        assert found.select(part.columns).equals(whole.select(part.columns))


@pytest.mark.parametrize("quoted", ["'('", "')'", "','", "'from'", "'left'", '"(" || $$from$$'])
def test_what_stands_in_quotes_is_no_word_of_the_select(quoted: str):
    wide = Wide.of("wide", WIDE.replace("'made up' as origin", f"{quoted} as origin".replace('"("', 's."("')))
    assert [*wide.columns] == ["day", "level", "change", "thrice", "price", "product", "note", "origin"]
    assert [*wide.joins] == ["l", "t", "p", "n"]


def test_a_part_reads_nothing_that_it_does_not_need():
    level, thrice, price, product, note = (part.select for part in relations().parts("wide"))
    assert [name for name in ("prices", "doubled", "notes") if name in level] == []
    assert [name for name in ("prices", "notes") if name in thrice] == []
    assert [name for name in ("levels", "notes") if name in price] == []
    assert "doubled" not in product
    assert "known_levels" in note, "the join of the notes needs the levels"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("left join tripled", "inner join tripled"),
        ("left join tripled", "asof left join tripled"),
        ("from spine as s", 'from "build"."marts"."days" as s'),
        ("n.note,", "note,"),
        ("n.note,", "n.*,"),
        ("n.note,", "(select max(note) from doubled) as note,"),
        ("n.level", "n.level where s.day_number > 1"),
        ("n.level", "n.level group by all"),
        ("n.level", "n.level limit 5"),
        ("n.note,", "n.note as level,"),
    ],
)
def test_a_select_of_another_form_has_no_spine(old: str, new: str):
    with pytest.raises(ConfigError, match=r"wide declares a spine, and .* expected `with"):
        Wide.of("wide", WIDE.replace(old, new))


def test_of_a_mart_without_a_spine_there_are_no_parts():
    assert relations().parts("days") == []
