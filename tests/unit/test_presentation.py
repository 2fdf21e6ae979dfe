"""What a mart says of itself in its meta is shown, in its order and group; what cannot be shown is refused by name."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from ingest.errors import ConfigError
from orchestration.dbt_meta import presentation
from serving.readings import NOT_DECLARED, readings
from serving.report.page import charts_section, readings_section
from warehouse.presentation import MartMeta, Presentation, presentation_of, read_presentation

GOLD = {"label": "Gold <spot>", "order": 20, "unit": "USD", "decimals": 1}
DRAWN = {"title": "Gold", "order": 5, "lines": [{"label": "Total", "column": "gold_usd", "unit": "USD"}]}


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


def test_a_mart_that_says_so_is_shown_without_an_edit_of_the_report():
    said = mart(
        {"readings": [{**GOLD, "rows": {"place": "london"}, "series": ["gold"]}]}, group="Metals", charts=[DRAWN]
    )
    con = stored(presentation_of([said]))
    (found,) = readings(con) or []
    assert (found.text, found.unit, found.obs_date) == ("2,001.1", "USD", date(2026, 3, 31))
    assert (found.known_at, found.age_days, found.state) == (datetime(2026, 3, 31, 22), 2, "late")
    page = readings_section(con)
    assert '<th scope="rowgroup" colspan="8">Metals</th>' in page
    assert "Gold &lt;spot&gt; 2,001.1 USD (+1.0)." in page, "2001.06 after 2000.04"
    assert "Gold &lt;spot&gt;" in page
    chart = charts_section(con)
    assert "<figcaption>Gold</figcaption><svg" in chart
    assert 'aria-label="Gold: Total in USD, 2026-03-30 to 2026-03-31"' in chart


def test_what_is_stored_is_what_was_said():
    lines = [
        {"label": "gold", "column": "gold_usd", "unit": "USD"},
        {"label": "Gold", "column": "gold_usd", "unit": "USD per ounce"},
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
        (mart(charts=[{**DRAWN, "rows": {"where": "london"}}]), "no column where in metals_daily"),
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
    assert NOT_DECLARED in readings_section(con)
    assert charts_section(con) == ""


def test_a_chart_draws_the_rows_that_it_is_about():
    con = stored(presentation_of([mart(charts=[{**DRAWN, "rows": {"place": "zurich"}}])]))
    assert 'aria-label="Gold: Total in USD, 2026-03-31 to 2026-03-31"' in charts_section(con)
