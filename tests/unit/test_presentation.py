"""What a mart says of itself in its meta is shown, in its order and group; what cannot be shown is refused by name."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb
import pytest
from markupsafe import escape

from ingest.errors import ConfigError
from orchestration.dbt_meta import presentation
from serving.readings import NOT_DECLARED, readings
from serving.report.axes import shared_axes
from serving.report.groups import groups_section
from serving.report.phrases import phrases
from warehouse.presentation import MartMeta, Presentation, presentation_of, read_presentation

GOLD = {"label": "Gold <spot>", "order": 20, "unit": "USD", "decimals": 1}
LINE = {"label": "Total", "column": "gold_usd", "unit": "USD"}
DRAWN = {"title": "Gold", "order": 5, "lines": [LINE]}


def mart(column: dict[str, Any] | None = None, **meta: Any) -> MartMeta:
    columns = {"session_date": {}, "gold_usd": column or {}, "known_at": {}, "place": {}}
    return MartMeta("metals_daily", columns, meta)


def stored(presentation: Presentation) -> duckdb.DuckDBPyConnection:
    """Return a published file with one mart and the tables of `presentation`, as publication writes them."""
    con = duckdb.connect()
    con.execute("create schema marts; create schema meta")
    con.execute(
        """
        create table marts.metals_daily as from (values
            (date '2026-03-30', 2000.04, timestamp '2026-03-30 22:00', 'london'),
            (date '2026-03-31', 2001.06, timestamp '2026-03-31 22:00', 'london'),
            (date '2026-03-31', 1999.00, timestamp '2026-03-31 23:00', 'zurich'),
            (date '2026-04-01', null, timestamp '2026-04-01 22:00', 'london')
        ) as t(session_date, gold_usd, known_at, place);
        create table marts.sessions as select unnest(range(date '2026-03-30', date '2026-04-10', interval 1 day))::date
            as session_date, session_date + interval 20 hour as close_at;
        create table meta.freshness as select 'gold' as series_id, 'late' as state, 1 as age_days,
            timestamp '2026-04-02 14:20' as checked_at;
        """
    )
    for table, rows in presentation.rows().items():
        con.execute(f"create table {table.path} ({', '.join(f'{name} {kind}' for name, kind, _ in table.columns)})")
        for row in rows:
            con.execute(f"insert into {table.path} values ({', '.join('?' * len(row))})", row)
    return con


def shown(con: duckdb.DuckDBPyConnection, language: str = "en") -> str:
    """Return the section of charts and readings as the page has it."""
    said = read_presentation(con)
    return groups_section(con, said, shared_axes(con, said.charts if said else ()), phrases(language))


def test_a_mart_that_says_so_is_shown_without_an_edit_of_the_report():
    said = mart(
        {"readings": [{**GOLD, "rows": {"place": "london"}, "series": ["gold"]}]}, group="Metals", charts=[DRAWN]
    )
    con = stored(presentation_of([said]))
    (found,) = readings(con) or []
    assert (found.text, found.unit, found.obs_date) == ("2,001.1", "USD", date(2026, 3, 31))
    assert (found.known_at, found.age_days, found.state) == (datetime(2026, 3, 31, 22), 2, "late")
    page = shown(con)
    assert '<h3 id="group-1">Metals</h3>' in page
    assert '<p class="said">Gold &lt;spot&gt; 2,001.1 USD (+1.0).</p>' in page, "2001.06 after 2000.04"
    assert '<th scope="row">Gold &lt;spot&gt;</th><td class="n">2,001.1</td><td class="n">+1.0</td><td>USD</td>' in page
    assert "<figcaption>Gold</figcaption><svg" in page
    assert 'aria-label="Gold: Total (USD), 2026-03-30 – 2026-03-31"' in page


def test_a_chart_has_its_last_value_with_day_and_unit_a_table_and_the_query_of_it():
    page = shown(stored(presentation_of([mart(charts=[{**DRAWN, "rows": {"place": "london"}}])])))
    assert 'Total <b>2,001.1</b> USD <span class="day">2026-03-31</span>' in page
    table = page[page.index('<details class="last">') :]
    assert table.index("2026-03-31") < table.index("2026-03-30"), "the newest first"
    assert "2026-04-01" not in table, "a day without a value is no last value"
    query = "select session_date, gold_usd from marts.metals_daily where place = 'london' order by 1 desc limit 8"
    assert str(escape(query)) in table


def test_all_charts_share_one_axis_that_ends_with_the_last_session():
    con = stored(presentation_of([mart(charts=[DRAWN, {**DRAWN, "title": "Old", "order": 6, "years": 40}])]))
    axes = shared_axes(con, [placed for placed in (read_presentation(con) or Presentation()).charts])
    assert (axes.short.first, axes.short.last) == (date(2021, 4, 1), date(2026, 4, 1)), "2026-04-02 had not closed"
    assert axes.long.last == axes.short.last
    page = shown(con)
    assert page.count('<use href="#last-years"/>') == page.count('<use href="#long-view"/>') == 1
    assert page.index("The long view") < page.index("<figcaption>Old</figcaption>")


def test_a_line_that_is_no_longer_current_is_grey_and_says_so():
    con = stored(presentation_of([mart(charts=[DRAWN])]))
    con.execute("update meta.freshness set checked_at = timestamp '2026-04-04 21:00'")
    assert "gone" not in shown(con), "four sessions have closed since its last value of 2026-03-31"
    con.execute("update meta.freshness set checked_at = timestamp '2026-04-05 21:00'")
    page = shown(con)
    assert '<li class="gone">' in page
    assert '<path class="l l1 gone"' in page
    assert '<span class="day">2026-03-31</span> <span class="s red">stale</span>' in page


def test_a_figure_that_sessions_carry_says_the_day_it_is_of_and_is_judged_by_the_last_session_with_it():
    columns = {"session_date": {}, "gold_usd": {}, "known_at": {}, "gold_obs_date": {}, "fee_obs_date": {}}
    dates = ["gold_obs_date", "fee_obs_date"]
    drawn = {**DRAWN, "lines": [{**LINE, "dates": dates}, {**LINE, "label": "At the session"}]}
    con = stored(presentation_of([MartMeta("metals_daily", columns, {"charts": [drawn]})]))
    con.execute(
        """
        create or replace table marts.metals_daily as from (values
            (date '2026-03-30', 2000, date '2026-03-27', date '2026-03-24'),
            (date '2026-03-31', 2001, date '2026-03-27', date '2026-03-25'),
            (date '2026-04-01', null, date '2026-03-28', null)
        ) as t(session_date, gold_usd, gold_obs_date, fee_obs_date)
        """
    )
    con.execute("update meta.freshness set checked_at = timestamp '2026-04-04 21:00'")
    page = shown(con)
    assert 'Total <b>2,001</b> USD <span class="day">2026-03-25</span>' in page
    assert 'At the session <b>2,001</b> USD <span class="day">2026-03-31</span>' in page
    assert "gone" not in page, "four sessions have closed since that of 2026-03-31"


def test_a_chart_by_a_column_has_a_strip_for_each_value_of_it():
    line = {"label": "Score", "column": "gold_usd", "unit": "z"}
    page = shown(stored(presentation_of([mart(charts=[{**DRAWN, "by": "place", "lines": [line]}])])))
    assert [name for name in ("london", "zurich") if f">{name}</text>" in page] == ["london", "zurich"]
    assert page.count('class="h up2"') == 2, "2000 and 1999 are more than two deviations"
    assert "<td>zurich</td>" in page


def test_a_mart_without_words_in_another_language_is_shown_in_english():
    page = shown(stored(presentation_of([mart({"readings": [GOLD]}, group="Metals", charts=[DRAWN])])), "zh")
    assert '<h3 id="group-1"><span lang="en">Metals</span></h3>' in page
    assert '<span lang="en">Gold &lt;spot&gt;</span>' in page
    assert "图表与读数" in page


def test_what_is_stored_is_what_was_said():
    lines = [
        {"label": "gold", "column": "gold_usd", "unit": "USD"},
        {"label": "Gold", "column": "gold_usd", "unit": "USD per ounce", "dates": ["session_date", "known_at"]},
    ]
    column = {
        "readings": [
            GOLD,
            {"label": "Observed", "order": 1, "unit": "USD", "observation": "gold"},
            {
                "label": "B",
                "order": 3,
                "unit": "USD",
                "dates": ["session_date", "session_date"],
                "published_series": "x",
                "current_days": 10,
            },
        ]
    }
    said = presentation_of([mart(column, charts=[{**DRAWN, "years": 2, "lines": lines, "rows": {"place": "london"}}])])
    back = read_presentation(stored(said))
    assert back is not None
    assert [one.reading.label for one in back.readings] == ["Observed", "B", "Gold <spot>"]
    shown = [one.reading.model_dump(exclude={"order"}) for one in back.readings]
    assert shown == [one.reading.model_dump(exclude={"order"}) for one in said.readings]
    assert back.charts[0].chart.model_dump(exclude={"order"}) == said.charts[0].chart.model_dump(exclude={"order"})
    assert back.charts[0].chart.units == ("USD", "USD per ounce")
    assert [*back.charts[0].chart.sides] == ["left", "right"]


def test_readings_of_a_group_stand_together_in_the_order_of_its_first():
    def one(name: str, group: str | None, *orders: int) -> MartMeta:
        column = {"readings": [{"label": f"{name}{order}", "order": order, "unit": "USD"} for order in orders]}
        return MartMeta(name, {"week_date": {}, "known_at": {}, "a": column}, {"group": group} if group else {})

    found = presentation_of([one("a", "A", 30, 2), one("b", "B", 1, 50), one("c", "A", 3), one("d", None, 4)])
    assert [placed.reading.label for placed in found.readings] == ["b1", "b50", "a2", "c3", "a30", "d4"]
    assert {placed.period_column for placed in found.readings} == {"week_date"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (mart({"readings": [{**GOLD, "colour": "red"}]}), r"metals_daily\.gold_usd: meta\.readings: colour: Extra"),
        (mart({"readings": [{"label": "Gold"}]}), r"order: Field required"),
        (mart({"readings": GOLD}), "expected a list"),
        (mart({"readings": [{**GOLD, "dates": ["gold_date"]}]}), "no column gold_date in metals_daily"),
        (mart({"readings": [{**GOLD, "rows": {"where": "london"}}]}), "no column where in metals_daily"),
        (mart({"readings": [{**GOLD, "observation": "gold", "series": ["gold"]}]}), "expected none of the mart's"),
        (mart({"readings": [GOLD, GOLD]}), "a reading is declared twice: Gold <spot>"),
        (mart({"readings": [GOLD]}, group=5), r"meta\.group: expected a text, got 5"),
        (mart(charts=[{**DRAWN, "lines": []}]), "lines: Tuple should have at least 1 item"),
        (mart(charts=[{**DRAWN, "lines": DRAWN["lines"] * 2}]), "labels of their own"),
        (mart(charts=[{**DRAWN, "lines": [{**DRAWN["lines"][0], "column": "silver_usd"}]}]), "no column silver_usd"),
        (mart(charts=[{**DRAWN, "lines": [{**LINE, "dates": ["gold_date"]}]}]), "no column gold_date in metals_daily"),
        (mart(charts=[{**DRAWN, "rows": {"where": "london"}}]), "no column where in metals_daily"),
        (mart(charts=[{**DRAWN, "by": "where", "lines": [{**LINE, "unit": "z"}]}]), "no column where in metals_daily"),
        (mart(charts=[{**DRAWN, "by": "place"}]), "expected one line in the unit z for the strips of place"),
        (
            mart(charts=[{**DRAWN, "lines": [LINE, {**LINE, "label": "B", "unit": "EUR", "side": "left"}]}]),
            "one unit on",
        ),
        (mart(charts=[DRAWN, DRAWN]), "a chart is declared twice: Gold"),
        (MartMeta("static", {"a": {"readings": [{**GOLD, "known_at": ["a"]}]}}), "expected one of session_date, week"),
    ],
)
def test_what_cannot_be_shown_is_refused(said: MartMeta, sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        presentation_of([said])


def test_only_the_marts_of_the_manifest_are_asked():
    def node(schema: str, kind: str = "model") -> dict[str, Any]:
        columns = {
            "session_date": {},
            "known_at": {"config": {"meta": {}}},
            "gold_usd": {"config": {"meta": {"readings": [GOLD]}}},
        }
        meta = {"charts": [DRAWN]}
        return {"resource_type": kind, "schema": schema, "name": "m", "columns": columns, "config": {"meta": meta}}

    nodes = {"a": node("marts"), "b": node("staging"), "c": node("marts", "test")}
    found = presentation({"nodes": nodes})
    assert [(placed.mart, placed.column) for placed in found.readings] == [("m", "gold_usd")]
    assert [placed.chart.title for placed in found.charts] == ["Gold"]


def test_a_release_of_an_older_version_says_that_it_does_not_declare_any():
    con = stored(Presentation())
    con.execute("drop table meta.charts")
    assert readings(con) is None
    page = shown(con)
    assert str(escape(NOT_DECLARED)) in page
    assert "<figure>" not in page


def test_a_chart_draws_the_rows_that_it_is_about():
    con = stored(presentation_of([mart(charts=[{**DRAWN, "rows": {"place": "zurich"}}])]))
    assert 'aria-label="Gold: Total (USD), 2026-03-31 – 2026-03-31"' in shown(con)
