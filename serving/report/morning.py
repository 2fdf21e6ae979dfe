"""The top of the report: the class, and each dimension with the figure the class used, its change, age and course."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from ingest.clock import NEW_YORK
from serving.report.axes import Axes
from serving.report.drawing import runs, sparkline
from serving.report.drawing import strips as drawn_strips
from serving.report.phrases import Phrases
from serving.report.rendering import has_table, rows_of

if TYPE_CHECKING:
    import duckdb

    Row = dict[str, Any]

SPARK_SESSIONS: Final = 126


@dataclass(frozen=True, slots=True)
class Lead:
    """The input of a dimension that is shown: its place in inputs_json, its name, unit, decimals and factor."""

    entry: str
    label: str
    unit: str
    decimals: int
    times: float = 1


DIMENSIONS: Final[Mapping[str, tuple[str, tuple[Lead, ...]]]] = {
    "net_liquidity": ("Net liquidity", (Lead("nl_change_4w_ratio", "Change over 4 weeks", "%", 2, 100),)),
    "funding": (
        "Funding",
        (Lead("sofr_iorb_bp", "SOFR − IORB", "bp", 1), Lead("ted_spread_bp", "TED spread", "bp", 0)),
    ),
    "rates_volatility": (
        "Rates volatility",
        (Lead("move_index", "MOVE", "index", 1), Lead("proxy_rate_volatility_bp", "10-year yield volatility", "bp", 1)),
    ),
    "carry": ("Yen carry", (Lead("carry_2y_bp", "US 2Y − JP 2Y", "bp", 1),)),
    "credit": (
        "Credit",
        (Lead("hy_oas_bp", "High-yield spread", "bp", 0), Lead("baa_10y_bp", "Baa over the 10-year", "bp", 0)),
    ),
    "volatility": ("Volatility", (Lead("vix_index", "VIX", "index", 2),)),
    "options_sentiment": ("Options sentiment", (Lead("put_call_total_ratio", "Put/call, total", "ratio", 2),)),
    "breadth": ("Breadth", (Lead("above_200dma_pct", "Members above 200-day average", "%", 1),)),
    "etf_flows": ("ETF flows", (Lead("flow_5d_zscore", "5-day flow against its year", "z", 2),)),
    "leverage": ("Margin debt", (Lead("margin_debt_yoy_ratio", "Year on year", "%", 1, 100),)),
    "labor": ("Labour", (Lead("sahm_realtime_pct", "Sahm rule", "pp", 2),)),
}
"""Each dimension with its title and the input to show: the first that has a value, as the regime falls back on it."""

COMPOSITES: Final = {"liquidity_dashboard": "Liquidity dashboard", "sentiment": "Sentiment framework"}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension as the newest row has it; where value or state are unknown, `reason` says why."""

    title: str
    state: str
    before: str | None  # its state on the session before, where that was another
    points: int | None
    quality: str | None
    reason: str | None
    label: str
    unit: str
    value: str | None
    change: str | None
    day: date | None
    age_days: int | None
    is_new: bool
    spark: Markup

    @property
    def kind(self) -> str:
        """Its class in the style sheet."""
        return cell_kind(self.state, self.points)


def cell_kind(state: str | None, points: int | None) -> str:
    """Return the class of a state in the style sheet: by its points; without any unknown, quiet, or another."""
    if state in (None, "unknown"):
        return "un"
    if points is not None:
        return f"p{min(int(points), 3)}"
    return "p0" if state in ("neutral", "stable", "normal") else "px"


def newest_rows(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the newest regime rows, newest first, with their inputs; fewer or none where the file has no more."""
    if not has_table(con, "marts", "regime_daily"):
        return []
    newest = rows_of(con, "select * from marts.regime_daily order by session_date desc limit 2")
    for row in newest:
        row["inputs"] = json.loads(row["inputs_json"] or "{}")
    return newest


def dimensions(con: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> list[Dimension]:
    """Return the dimensions of the newest row beside those of the row before."""
    past = con.execute(
        "select inputs_json from marts.regime_daily order by session_date desc limit ?", [SPARK_SESSIONS]
    ).fetchall()
    inputs = [json.loads(one or "{}") for (one,) in reversed(past)]
    return [_dimension(rows, inputs, name, title, leads) for name, (title, leads) in DIMENSIONS.items()]


def _dimension(rows: Sequence[Row], inputs: list[Row], name: str, title: str, leads: tuple[Lead, ...]) -> Dimension:
    newest, *others = rows
    before = others[0] if others else None
    lead = next((one for one in leads if _value(newest["inputs"], name, one) is not None), leads[0])
    entry = newest["inputs"].get(name, {}).get(lead.entry) or {}
    value = _value(newest["inputs"], name, lead)
    then = None if before is None else _value(before["inputs"], name, lead)
    state = newest[f"{name}_state"]
    day = date.fromisoformat(entry["obs_date"]) if entry.get("obs_date") else None
    return Dimension(
        title=title,
        state=state,
        before=before[f"{name}_state"] if before is not None and before[f"{name}_state"] != state else None,
        points=newest[f"{name}_points"],
        quality=newest[f"{name}_quality"],
        reason=_reason(newest[f"{name}_reason"], entry) if value is None or state == "unknown" else None,
        label=lead.label,
        unit=lead.unit,
        value=None if value is None else f"{round(value, lead.decimals) + 0.0:,.{lead.decimals}f}",
        change=None if value is None or then is None else changed(value, then, lead.decimals),
        day=day,
        age_days=None if day is None else (new_york_day(newest["cutoff_at"]) - day).days,
        is_new=bool(entry.get("is_new")),
        spark=sparkline([_value(one, name, lead) for one in inputs]),
    )


def _reason(reason: str | None, entry: Row) -> str | None:
    """Return why a figure or a state is unknown, and of which day the newest value was that a row did use."""
    why = reason or entry.get("reason")
    return f"{why}, last value used of {entry['last_used_date']}" if why and entry.get("last_used_date") else why


def _value(inputs: Row, name: str, lead: Lead) -> float | None:
    value = (inputs.get(name, {}).get(lead.entry) or {}).get("value")
    return None if value is None else lead.times * value


def changed(value: float, before: float, decimals: int) -> str:
    """Return a change as a person reads it."""
    change = round(value - before, decimals)
    return f"{change:+,.{decimals}f}" if change else "unchanged"


def new_york_day(at: datetime) -> date:
    """Return the day in New York of a naive UTC moment."""
    return at.replace(tzinfo=UTC).astimezone(NEW_YORK).date()


def heat_strip(con: duckdb.DuckDBPyConnection, axes: Axes, words: Phrases) -> Markup | None:
    """Return every dimension's states over the last years, a row of cells each, below the headline class."""
    columns = ", ".join(f"{name}_state, {name}_points" for name in DIMENSIONS)
    rows = con.execute(
        f"select session_date, regime_class, {columns} from marts.regime_daily where session_date >= ? order by 1",
        [axes.short.first],
    ).fetchall()
    if not rows:
        return None
    strips = [(words.text("Class"), runs((row[0], f"c-{row[1].lower()}") for row in rows))]
    strips += [
        (words.text(title), runs((row[0], cell_kind(row[2 + 2 * place], row[3 + 2 * place])) for row in rows))
        for place, (title, _) in enumerate(DIMENSIONS.values())
    ]
    return drawn_strips(axes.short, strips, f"{words.text('Class and dimensions')}, {rows[0][0]} – {rows[-1][0]}")
