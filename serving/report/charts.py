"""The report's charts: small SVG drawings, made here without a browser and without a network.

Which columns of which marts are drawn, the published file says in meta.charts.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup, escape

from warehouse.sql import quoted

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from warehouse.presentation import Chart, PlacedChart

_COLOURS = ("#1f5fa8", "#b3541e")  # distinct for people who see red and green alike
_WIDTH, _HEIGHT = 460, 170
_WIDE = 960
POINTS = 800
"""More points than pixels say nothing more: longer histories are thinned to one point in n sessions."""


CLASS_COLOURS = {
    "CALM": "#dbe9f6",
    "NORMAL": "#a8cbe8",
    "CAUTION": "#f3c24b",
    "STRESS": "#dd7a2c",
    "CRISIS": "#8f1d1d",
    "unknown": "#c9c9c9",
}
"""From the mildest to the worst, then no class; each differs in lightness from its neighbours."""


def draw_classes(con: duckdb.DuckDBPyConnection) -> Markup | None:
    """Return the history of the headline class as bands with the core score on them, None where there is no class."""
    bands = con.execute(
        """
        select state, began_date, coalesce(ended_date, (select max(session_date) from marts.regime_daily)) as ended_date
        from marts.regime_episodes
        where dimension = 'regime_class'
            and began_date >= (
                select min(began_date) from marts.regime_episodes
                where dimension = 'regime_class' and state <> 'unknown'
            )
        order by began_date
        """
    ).fetchall()
    if not bands:
        return None
    scores = con.execute(
        """
        select session_date, core_score from marts.regime_daily where session_date >= $first
        qualify core_score is distinct from lag(core_score) over (order by session_date)
            or session_date = max(session_date) over ()
        order by session_date
        """,
        {"first": bands[0][1]},
    ).fetchall()
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(_classes_specification(bands, scores))
    return _named(svg, f"Headline class and core score, {bands[0][1]} to {bands[-1][2]}")


def _classes_specification(bands: list[tuple[Any, ...]], scores: list[tuple[Any, ...]]) -> dict[str, Any]:
    import altair as alt

    x = alt.X("from:T", title=None, axis=alt.Axis(grid=False, labelFlush=True))
    scale = alt.Scale(domain=list(CLASS_COLOURS), range=list(CLASS_COLOURS.values()))
    legend = alt.Legend(orient="top", title=None, symbolType="square", symbolOpacity=1)
    rects = (
        alt.Chart(alt.NamedData(name="bands"))
        .mark_rect()
        .encode(x=x, x2="to:T", color=alt.Color("class:N", scale=scale, legend=legend))
    )
    axis = alt.Axis(values=[0, 2, 4, 7, 12], grid=False)  # where the classes begin
    y = alt.Y("score:Q", title="core score", scale=alt.Scale(domain=[0, 12]), axis=axis)
    # white under black: it stands out on the palest band and on the darkest
    lines = [
        alt.Chart(alt.NamedData(name="scores"))
        .mark_line(strokeWidth=width, color=colour, interpolate="step-after")
        .encode(x=alt.X("from:T"), y=y)
        for width, colour in ((2.6, "#fff"), (1.0, "#111"))
    ]
    drawing = alt.layer(rects, *lines).properties(width=_WIDE, height=_HEIGHT, background="transparent")
    specification: dict[str, Any] = drawing.configure_view(stroke=None).configure_axis(labelColor="#333").to_dict()
    specification["datasets"] = {
        "bands": [
            {"class": state, "from": began.isoformat(), "to": (ended + timedelta(days=1)).isoformat()}
            for state, began, ended in bands
        ],
        "scores": [{"from": day.isoformat(), "score": score} for day, score in scores],
    }
    return specification


def draw(con: duckdb.DuckDBPyConnection, placed: PlacedChart) -> Markup | None:
    """Return a chart as an inline SVG element, None where the file has no value to draw."""
    frame = _data(con, placed)
    if frame.is_empty():
        return None
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(_specification(frame, placed.chart))
    return _accessible(svg, placed.chart, frame)


def _data(con: duckdb.DuckDBPyConnection, placed: PlacedChart) -> pl.DataFrame:
    """Return day and a column by label; gaps stay gaps (a NULL value)."""
    chart, mart, period = placed.chart, quoted(placed.mart), quoted(placed.period_column)
    labels = {f"line_{number}": line.label for number, line in enumerate(chart.lines)}
    columns = ", ".join(f"{quoted(line.column)}::double as line_{number}" for number, line in enumerate(chart.lines))
    some = " or ".join(f"{quoted(line.column)} is not null" for line in chart.lines)
    ((name, value),) = chart.rows.items() if chart.rows else ((None, None),)
    chosen = "" if name is None else f"where {quoted(name)} = $value"
    frame = con.execute(
        f"""
        with chosen as (from marts.{mart} {chosen}),
        recent as (
            select {period} as day, {columns} from chosen,
                (select max({period}) as last from chosen where {some})
            where {period} <= last and {period} > last - interval {chart.years} year
        ),
        placed as (
            select *, row_number() over (order by day desc) as back, count(*) over () as total from recent
        )
        select * exclude (back, total) from placed
        where (back - 1) % greatest(1, total // {POINTS}) = 0
        order by day
        """,
        {} if name is None else {"value": value},
    ).pl()
    return frame.rename(labels)


def _specification(frame: pl.DataFrame, chart: Chart) -> dict[str, Any]:
    import altair as alt

    labels = [line.label for line in chart.lines]
    scale = alt.Scale(domain=labels, range=list(_COLOURS[: len(labels)]))
    x = alt.X("day:T", title=None, axis=alt.Axis(grid=False, labelFlush=True))

    def drawn(label: str, unit: str, orient: Literal["left", "right"]) -> alt.Chart:
        y = alt.Y(
            "value:Q", title=unit, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(orient=orient, tickCount=4)
        )
        legend = alt.Legend(orient="top", title=None) if len(labels) > 1 else None
        colour = alt.Color("series:N", scale=scale, legend=legend)
        mark: alt.Chart = alt.Chart(alt.NamedData(name=label)).mark_line(strokeWidth=1.3, clip=True)
        return mark.encode(x=x, y=y, color=colour)

    right: Literal["left", "right"] = "right" if len(chart.units) > 1 else "left"
    sides: tuple[Literal["left", "right"], ...] = ("left", right)
    lines = [drawn(line.label, line.unit, side) for line, side in zip(chart.lines, sides, strict=False)]
    drawing = alt.layer(*lines).properties(width=_WIDTH, height=_HEIGHT, background="transparent")
    if len(chart.units) > 1:
        drawing = drawing.resolve_scale(y="independent")
    specification: dict[str, Any] = drawing.configure_view(stroke=None).configure_axis(labelColor="#333").to_dict()
    # Added after altair is done: it would check every point against its schema, 0.3 s a chart.
    specification["datasets"] = {label: _points(frame, label) for label in labels}
    return specification


def _points(frame: pl.DataFrame, label: str) -> list[dict[str, Any]]:
    rows = frame.select("day", label).iter_rows()
    return [{"day": day.isoformat(), "value": value, "series": label} for day, value in rows]


def _accessible(svg: str, chart: Chart, frame: pl.DataFrame) -> Markup:
    """Give the drawing a name that a screen reader says, and let it shrink with the page."""
    first, last = frame["day"][0], frame["day"][-1]
    names = " and ".join(line.label for line in chart.lines)
    return _named(svg, f"{chart.title}: {names} in {', '.join(chart.units)}, {first} to {last}")


def _named(svg: str, label: str) -> Markup:
    """Give a drawing a name that a screen reader says, and let it shrink with the page."""
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    width = f"max-width:{size[1]}px;" if size else ""
    named = f'<svg role="img" aria-label="{escape(label)}" style="{width}width:100%;height:auto" '
    return Markup(svg.replace("<svg ", named, 1))  # noqa: S704  # vl_convert escapes what it writes
