"""The report's charts: small SVG drawings, made here without a browser and without a network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup, escape

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_COLOURS = ("#1f5fa8", "#b3541e")  # told apart by people who see red and green alike
_WIDTH, _HEIGHT = 460, 170
_WIDE = 960
POINTS = 800
"""More points than pixels say nothing more: longer histories are thinned to one point in n sessions."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing: a mart, one or two columns (label, column), and the unit of its axis; `years` back from the end."""

    title: str
    mart: str
    columns: tuple[tuple[str, str], ...]
    units: tuple[str, ...]  # one: both lines share the axis; two: left and right
    years: int = 5


CHARTS = (
    Chart("Net liquidity", "net_liquidity_daily", (("Net liquidity", "net_liquidity_usd_bn"),), ("USD bn",)),
    Chart(
        "Reverse repo and Treasury account",
        "net_liquidity_daily",
        (("ON RRP", "on_rrp_usd_bn"), ("TGA", "tga_usd_bn")),
        ("USD bn",),
    ),
    Chart(
        "Carry and the yen",
        "carry_daily",
        (("US 2Y − JP 2Y", "carry_2y_bp"), ("USDJPY", "usdjpy_rate")),
        ("bp", "JPY per USD"),
    ),
    Chart("High-yield spread", "credit_daily", (("HY OAS", "hy_oas_bp"),), ("bp",)),
    Chart("VIX and VVIX", "volatility_daily", (("VIX", "vix_index"), ("VVIX", "vvix_index")), ("VIX", "VVIX")),
    Chart("MOVE", "rates_volatility_daily", (("MOVE", "move_index"),), ("index",)),
    Chart(
        "Put/call",
        "options_sentiment_daily",
        (("Total", "put_call_total_ratio"), ("Equity", "put_call_equity_ratio")),
        ("ratio",),
    ),
    Chart("SOFR over the rate on reserves", "funding_daily", (("SOFR − IORB", "sofr_iorb_bp"),), ("bp",)),
    Chart(
        "S&P 500 members above their averages",
        "market_daily",
        (("200 days", "sp500_above_200dma_pct"), ("50 days", "sp500_above_50dma_pct")),
        ("%",),
    ),
    Chart(
        "ETF flows over 5 sessions",
        "market_daily",
        (("Equity", "equity_etf_flow_5d_usd_mn"), ("Bonds", "bond_etf_flow_5d_usd_mn")),
        ("USD mn",),
        years=2,
    ),
)


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


def draw(con: duckdb.DuckDBPyConnection, chart: Chart) -> Markup | None:
    """Return `chart` as an inline SVG element, None where the file has no value to draw."""
    frame = _data(con, chart)
    if frame.is_empty():
        return None
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(_specification(frame, chart))
    return _accessible(svg, chart, frame)


def _data(con: duckdb.DuckDBPyConnection, chart: Chart) -> pl.DataFrame:
    """Return session_date, label, value; gaps stay gaps (a NULL value)."""
    selected = ", ".join(column for _, column in chart.columns)
    some = " or ".join(f"{column} is not null" for _, column in chart.columns)
    rows = con.execute(
        f"""
        with recent as (
            select session_date, {selected} from marts.{chart.mart},
                (select max(session_date) as last from marts.{chart.mart} where {some})
            where session_date <= last and session_date > last - interval {chart.years} year
        ),
        placed as (
            select *, row_number() over (order by session_date desc) as back, count(*) over () as total from recent
        )
        select session_date, {selected} from placed
        where (back - 1) % greatest(1, total // {POINTS}) = 0
        order by session_date
        """  # names of this module
    ).pl()
    return rows.rename({column: label for label, column in chart.columns})


def _specification(frame: pl.DataFrame, chart: Chart) -> dict[str, Any]:
    import altair as alt

    labels = [label for label, _ in chart.columns]
    scale = alt.Scale(domain=labels, range=list(_COLOURS[: len(labels)]))
    x = alt.X("session_date:T", title=None, axis=alt.Axis(grid=False, labelFlush=True))

    def line(label: str, unit: str, orient: Literal["left", "right"]) -> alt.Chart:
        y = alt.Y(
            "value:Q", title=unit, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(orient=orient, tickCount=4)
        )
        legend = alt.Legend(orient="top", title=None) if len(labels) > 1 else None
        colour = alt.Color("series:N", scale=scale, legend=legend)
        chart: alt.Chart = alt.Chart(alt.NamedData(name=label)).mark_line(strokeWidth=1.3, clip=True)
        return chart.encode(x=x, y=y, color=colour)

    right: Literal["left", "right"] = "right" if len(chart.units) > 1 else "left"
    sides: tuple[Literal["left", "right"], ...] = ("left", right)
    lines = [
        line(label, unit, side)
        for label, unit, side in zip(labels, (*chart.units, chart.units[-1]), sides, strict=False)
    ]
    drawing = alt.layer(*lines).properties(width=_WIDTH, height=_HEIGHT, background="transparent")
    if len(chart.units) > 1:
        drawing = drawing.resolve_scale(y="independent")
    specification: dict[str, Any] = drawing.configure_view(stroke=None).configure_axis(labelColor="#333").to_dict()
    # Put in behind altair's back: it would hold every point against its schema, 0.3 s a chart.
    specification["datasets"] = {label: _points(frame, label) for label in labels}
    return specification


def _points(frame: pl.DataFrame, label: str) -> list[dict[str, Any]]:
    rows = frame.select("session_date", label).iter_rows()
    return [{"session_date": day.isoformat(), "value": value, "series": label} for day, value in rows]


def _accessible(svg: str, chart: Chart, frame: pl.DataFrame) -> Markup:
    """Give the drawing a name that a screen reader says, and let it shrink with the page."""
    first, last = frame["session_date"][0], frame["session_date"][-1]
    names = " and ".join(label for label, _ in chart.columns)
    return _named(svg, f"{chart.title}: {names} in {', '.join(chart.units)}, {first} to {last}")


def _named(svg: str, label: str) -> Markup:
    """Give a drawing a name that a screen reader says, and let it shrink with the page."""
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    width = f"max-width:{size[1]}px;" if size else ""
    named = f'<svg role="img" aria-label="{escape(label)}" style="{width}width:100%;height:auto" '
    return Markup(svg.replace("<svg ", named, 1))  # noqa: S704  # vl_convert escapes what it writes
