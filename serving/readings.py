"""The headline readings of a published file: value, unit, date, known at, age and state. Report and demo show these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import duckdb

State = Literal["fresh", "late", "stale", "ended", "optional", "never"]
WORST_FIRST: tuple[State, ...] = ("never", "stale", "late", "ended", "optional", "fresh")

# label, mart, column of the value, column of its date, of its moment, unit shown, decimals, series it stands on
_DERIVED = (
    (
        "Net liquidity",
        "net_liquidity_daily",
        "net_liquidity_usd_bn",
        "least(fed_total_assets_obs_date, tga_obs_date, on_rrp_obs_date)",
        "known_at",
        "USD bn",
        1,
        ("fed_total_assets", "tga_daily", "on_rrp"),
    ),
    (
        "Carry, US 2Y − JP 2Y",
        "carry_daily",
        "carry_2y_bp",
        "least(us_2y_obs_date, jp_2y_obs_date)",
        "greatest(us_2y_known_at, jp_2y_known_at)",
        "bp",
        1,
        ("us_2y_yield", "jgb_2y_yield"),
    ),
)
_SERIES = (
    ("Fed total assets", "fed_total_assets", 1),
    ("Treasury General Account", "tga_daily", 1),
    ("Overnight reverse repo", "on_rrp", 1),
    ("SOFR", "sofr", 2),
    ("US 2-year yield", "us_2y_yield", 2),
    ("Japan 2-year yield", "jgb_2y_yield", 3),
    ("USDJPY", "usdjpy", 2),
    ("High-yield spread", "hy_oas", 0),
    ("CCC yield", "ccc_yield", 2),
    ("VIX", "vix_close", 2),
    ("VVIX", "vvix_close", 2),
    ("MOVE", "move", 1),
    ("Put/call, total", "put_call_total_ratio", 2),
    ("Put/call, equity", "put_call_equity_ratio", 2),
)
# label, mart, its rows, column of the value, unit shown, decimals. Panel marts say themselves when they are too thin.
_PANEL = (
    ("Net advances, S&P 500", "breadth_daily", "universe = 'SPX'", "net_advances_count", "issues", 0),
    ("Equity ETF flows, 5 days", "etf_category_flows_daily", "category = 'all_equity'", "flow_5d_usd_mn", "USD mn", 0),
    ("Bond ETF flows, 5 days", "etf_category_flows_daily", "category = 'all_bonds'", "flow_5d_usd_mn", "USD mn", 0),
)
_ABOVE = ("Members above 200-day average", "breadth_daily", "universe = 'SPX'", "above_200dma_pct", "%", 1)
_PANEL_LATE_SESSIONS, _PANEL_STALE_SESSIONS = 2, 4
"""Prices come in the evening, share counts on the morning after: older than so many sessions is late, then stale."""

_UNITS = {"usd_bn": "USD bn", "pct": "%", "bp": "bp", "ratio": "ratio", "index": "index", "rate": "JPY per USD"}


@dataclass(frozen=True, slots=True)
class Headline:
    """The newest regime: its class, the session, and the sentence that explains it."""

    regime_class: str
    session_date: date
    explain_text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of the headline table. `value` is None when the file has none; then there is no date either."""

    label: str
    value: float | None
    decimals: int
    unit: str
    obs_date: date | None  # of a derived reading: that of its oldest leg
    known_at: datetime | None  # naive UTC
    age_days: int | None
    state: State

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        return "no value" if self.value is None else f"{self.value:,.{self.decimals}f}"


def headline(con: duckdb.DuckDBPyConnection) -> Headline | None:
    """Return the newest regime of an open published file, None where it has none."""
    there = "select 1 from duckdb_tables() where schema_name = 'marts' and table_name = 'regime_daily'"
    if con.execute(there).fetchone() is None:
        return None
    row = con.execute(
        "select regime_class, session_date, explain_text from marts.regime_daily order by session_date desc limit 1"
    ).fetchone()
    return Headline(*row) if row else None


def readings(con: duckdb.DuckDBPyConnection) -> list[Reading]:
    """Return the newest headline readings of an open published file."""
    states = {
        row[0]: row[1:] for row in con.execute("select series_id, state, age_days from meta.freshness").fetchall()
    }
    today = _one(con, "select max(checked_at) from meta.freshness")
    derived = [_derived(con, spec, states, today) for spec in _DERIVED]
    panel = [_of_panel(con, spec, today) for spec in _PANEL]
    return [*derived, *(_of_series(con, spec, states) for spec in _SERIES), _breadth(con, today), *panel]


def _breadth(con: duckdb.DuckDBPyConnection, today: datetime | None) -> Reading:
    """Return what the regime takes: the greatest period, our own count before the series that a user filed."""
    own = _of_panel(con, _ABOVE, today)
    filed = con.execute(
        """
        select value, period_date, known_at from (
            from marts.observations where series_id = 'sp500_above_200dma_published'
            qualify row_number() over (
                partition by period_date, provider order by known_at desc, loaded_at desc, payload_sha256 desc
            ) = 1
        )
        where value is not null order by period_date desc, provider_rank limit 1
        """
    ).fetchone()
    published = _aged(con, f"{own.label}, published series", filed, own.unit, own.decimals, today)
    return published if (published.obs_date or date.min) > (own.obs_date or date.min) else own


def _derived(con: duckdb.DuckDBPyConnection, spec: tuple, states: dict, today: datetime | None) -> Reading:  # type: ignore[type-arg]
    label, mart, column, day, moment, unit, decimals, legs = spec
    row = con.execute(
        f"select {column}, {day}, {moment} from marts.{mart}"
        f" where {column} is not null order by session_date desc limit 1"
    ).fetchone()
    worst = min((states.get(leg, ("never", None))[0] for leg in legs), key=WORST_FIRST.index)
    if row is None:
        return Reading(label, None, decimals, unit, None, None, None, worst)
    age = (today.date() - row[1]).days if today is not None else None
    return Reading(label, row[0], decimals, unit, row[1], row[2], age, worst)


def _of_panel(
    con: duckdb.DuckDBPyConnection, spec: tuple[str, str, str, str, str, int], today: datetime | None
) -> Reading:
    label, mart, rows, column, unit, decimals = spec
    found = con.execute(
        f"select {column}, session_date, known_at from marts.{mart}"  # names of this module
        f" where {rows} and {column} is not null order by session_date desc limit 1"
    ).fetchone()
    return _aged(con, label, found, unit, decimals, today)


def _aged(
    con: duckdb.DuckDBPyConnection,
    label: str,
    found: tuple[float, date, datetime] | None,
    unit: str,
    decimals: int,
    today: datetime | None,
) -> Reading:
    """Return a reading of the panel, its state by how many sessions have closed since."""
    if found is None or today is None:
        return Reading(label, None, decimals, unit, None, None, None, "never")
    value, day, known_at = found
    behind = con.execute(
        "select count(*) from marts.sessions where session_date > ? and close_at <= ?", [day, today]
    ).fetchall()[0][0]
    state: State = "stale" if behind > _PANEL_STALE_SESSIONS else "late" if behind > _PANEL_LATE_SESSIONS else "fresh"
    return Reading(label, value, decimals, unit, day, known_at, (today.date() - day).days, state)


def _of_series(con: duckdb.DuckDBPyConnection, spec: tuple[str, str, int], states: dict) -> Reading:  # type: ignore[type-arg]
    label, series_id, decimals = spec
    state, age = states.get(series_id, ("never", None))
    row = con.execute(
        """
        select o.value, o.period_date, o.known_at, o.unit
        from marts.observations as o
        inner join meta.freshness as f
            on o.series_id = f.series_id and o.provider = f.provider and o.period_date = f.data_through_date
        where o.series_id = ?
        order by o.known_at desc, o.loaded_at desc, o.payload_sha256 desc limit 1
        """,
        [series_id],
    ).fetchone()
    if row is None:
        unit = con.execute("select unit from marts.series where series_id = ?", [series_id]).fetchone()
        return Reading(label, None, decimals, _UNITS.get(unit[0], unit[0]) if unit else "", None, None, None, state)
    return Reading(label, row[0], decimals, _UNITS.get(row[3], row[3]), row[1], row[2], age, state)


def _one(con: duckdb.DuckDBPyConnection, query: str):  # type: ignore[no-untyped-def]
    found = con.execute(query).fetchone()
    return found[0] if found else None
