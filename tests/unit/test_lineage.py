"""Where a column comes from, read from the SQL that made it: through selects, pivots, windows and unions."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest

from ingest.errors import ConfigError
from warehouse.as_of_text import Compiled, keep_compiled
from warehouse.lineage import edges_of, follow, lineage

OBSERVATIONS = ("intermediate", "int_latest")
COLUMNS: dict[tuple[str, str], Sequence[str]] = {
    OBSERVATIONS: ("series_id", "period_date", "value", "known_at"),
    ("marts", "sessions"): ("session_date", "session_seq"),
    ("lab", "weights"): ("ticker", "weight_kg"),
}


def inputs(sql: str, column: str) -> set[tuple[str, str | None, str | None]]:
    found = edges_of(sql, [column], COLUMNS)
    return {(f"{edge.schema}.{edge.table}", edge.input_column, edge.series) for edge in found}


def formula(sql: str, column: str) -> str | None:
    return next(edges_of(sql, [column], COLUMNS)).formula


PIVOT = """
with wide as (
    select period_date, max(value) filter (where series_id = 'gold') as gold,
        max(value) filter (where series_id in ('silver', 'tin')) as other
    from "warehouse"."intermediate"."int_latest" group by period_date
)
select period_date as session_date, gold, round(gold - other, 2) as spread_usd from wide
"""


def test_a_pivot_names_the_series_of_each_column():
    assert inputs(PIVOT, "gold") == {("intermediate.int_latest", None, "gold")}
    assert inputs(PIVOT, "spread_usd") == {("intermediate.int_latest", None, one) for one in ("gold", "silver", "tin")}
    assert formula(PIVOT, "spread_usd") == "round(wide.gold - wide.other, 2)"


def test_a_filter_of_a_select_names_the_series_and_the_calendar_is_an_input():
    sql = """
    select s.session_date, lag(o.value) over (order by s.session_seq) as before_usd
    from marts.sessions as s
    asof join (select * from intermediate.int_latest where series_id = 'gold') as o on s.session_date >= o.period_date
    """
    found = inputs(sql, "before_usd")
    assert ("intermediate.int_latest", None, "gold") in found
    assert ("marts.sessions", "session_seq", None) in found
    assert not any(series == "silver" for *_, series in found)


def test_both_sides_of_a_union_are_inputs():
    sql = """
    select weight_kg as one from lab.weights union all
    select value from intermediate.int_latest where series_id = 'tin'
    """
    assert inputs(sql, "one") == {("lab.weights", "weight_kg", None), ("intermediate.int_latest", None, "tin")}


def test_a_column_that_cannot_be_followed_has_the_relations_of_the_select():
    sql = "select weight_kg as a from lab.weights union all by name select value as b from intermediate.int_latest"
    assert inputs(sql, "b") == {("lab.weights", None, None), ("intermediate.int_latest", None, None)}


def test_what_is_no_sql_is_named():
    with pytest.raises(ConfigError, match="cannot read the select"):
        list(edges_of("select from where ((", ["a"], COLUMNS))


def built() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """
        create schema marts; create schema intermediate; create schema lab;
        create table lab.weights (ticker varchar, weight_kg double);
        create view intermediate.heavy as select ticker, weight_kg * 1000 as weight_g from lab.weights;
        create table marts.heaviest as select ticker, weight_g from intermediate.heavy;
        """
    )
    keep_compiled(
        con,
        [
            Compiled("intermediate", "heavy", None, "select ticker, weight_kg * 1000 as weight_g from lab.weights"),
            Compiled("marts", "heaviest", None, "select ticker, weight_g from intermediate.heavy"),
        ],
    )
    return con


def test_what_is_not_published_is_passed_through():
    con = built()
    assert follow(con) == 2
    assert ("marts.heaviest", "weight_g", None, "lab.weights", "weight_kg", None, "copy") in lineage(con)


def test_only_what_changed_is_followed_again():
    con = built()
    follow(con)
    assert follow(con) == 0
    keep_compiled(
        con, [Compiled("marts", "heaviest", None, "select ticker, 2 * weight_g as weight_g from intermediate.heavy")]
    )
    assert follow(con) == 1
    (row,) = [row for row in lineage(con) if row[:2] == ("marts.heaviest", "weight_g")]
    assert row[2] == "2 * heavy.weight_g"


def uses(sql: str, column: str) -> dict[str, str]:
    return {edge.series or str(edge.input_column): edge.use for edge in edges_of(sql, [column], COLUMNS)}


ONE_METAL = "(select period_date, value from intermediate.int_latest where series_id = 'gold')"


@pytest.mark.parametrize(
    ("expression", "use"),
    [
        ("round(100 * g.value, 2)", "copy"),
        ("g.value::decimal(9, 2) - 32", "copy"),
        ("last_value(g.value ignore nulls) over (order by g.period_date)", "copy"),
        ("case when g.period_date > date '2020-01-01' then g.value end", "copy"),
        ("arg_max(struct_pack(value := g.value), g.period_date).value", "copy"),
        ("g.value / w.weight_kg", "scaled"),
        ("g.value - w.weight_kg", "part"),
        ("avg(g.value)", "part"),
        ("case when g.value > 3 then w.weight_kg end", "part"),
        ("g.value > 3", "part"),
    ],
)
def test_it_is_told_whether_an_input_is_taken_as_it_is(expression, use):
    sql = (
        f"with t as (select {expression} as x from {ONE_METAL} as g cross join lab.weights as w) select t.x as y from t"
    )
    assert uses(sql, "y")["gold"] == use


def test_what_says_something_of_a_figure_is_not_the_figure():
    sql = "select max(known_at) filter (where series_id = 'gold') as gold_known_at from intermediate.int_latest"
    assert uses(sql, "gold_known_at")["gold"] == "part"


def test_a_use_is_the_weakest_step_and_the_strongest_way():
    con = built()
    follow(con)
    assert {row[-1] for row in lineage(con) if row[1] == "weight_g"} == {"copy"}


def test_what_an_older_version_followed_is_followed_again():
    con = built()
    follow(con)
    con.execute("alter table intermediate.lineage drop column input_use")
    assert follow(con) == 2
