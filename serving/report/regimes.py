"""The report's first sections: which regime it is and why, how it came there, what followed, how far to trust it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from serving.report.charts import CLASS_COLOURS, draw_classes
from serving.report.rendering import has_table, rendered, rows_of

if TYPE_CHECKING:
    import duckdb

    Row = dict[str, Any]

HORIZON: Final = 63
"""Sessions ahead that the table of all classes shows; the table of the present class has every horizon."""

_DIMENSIONS: Final = {
    "net_liquidity": "Net liquidity",
    "funding": "Funding",
    "rates_volatility": "Rates volatility",
    "carry": "Yen carry",
    "credit": "Credit",
    "volatility": "Volatility",
    "options_sentiment": "Options sentiment",
    "breadth": "Breadth",
    "etf_flows": "ETF flows",
    "leverage": "Margin debt",
    "labor": "Labour",
}
_COMPOSITES: Final = {"liquidity_dashboard": "Liquidity dashboard", "sentiment": "Sentiment framework"}


def regime_sections(con: duckdb.DuckDBPyConnection) -> Markup:
    """Return the sections of the regime; nothing where the file has no regime rows."""
    if not has_table(con, "marts", "regime_daily"):
        return Markup()
    rows = rows_of(con, "select * from marts.regime_daily order by session_date desc limit 1")
    if not rows:
        return Markup()
    newest = rows[0]
    has_episodes = has_table(con, "marts", "regime_episodes")
    return rendered(
        "regimes.html",
        newest=newest,
        running=_running(con) if has_episodes else None,
        strip=[*_composites(newest), *_dimensions(newest)],
        history=_history(con) if has_episodes else None,
        drawing=draw_classes(con) if has_episodes else None,
        followed=_followed(con, newest["regime_class"]) if has_table(con, "marts", "regime_outcomes") else None,
        validity=_validity(con) if has_table(con, "marts", "regime_validity") else None,
        truth=_truth(con) if has_table(con, "marts", "regime_truth") else None,
    )


# ---- which regime it is --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of the strip: a composite or a dimension, its state, and what is said of it in small print."""

    title: str
    state: str
    more: tuple[str, ...] = ()
    kind: str | None = None  # its class in the style sheet


def _running(con: duckdb.DuckDBPyConnection) -> Row | None:
    """Return since when the class lasts and what it came from."""
    rows = rows_of(
        con,
        "select began_date, sessions_count, came_from_state from marts.regime_episodes"
        " where dimension = 'regime_class' and is_running",
    )
    return rows[0] if rows else None


def _composites(row: Row) -> list[Tile]:
    return [Tile(title, row[f"{name}_state"]) for name, title in _COMPOSITES.items()]


def _dimensions(row: Row) -> list[Tile]:
    return [_dimension(row, name, title) for name, title in _DIMENSIONS.items()]


def _dimension(row: Row, name: str, title: str) -> Tile:
    state, points = row[f"{name}_state"], row[f"{name}_points"]
    reason, quality = row[f"{name}_reason"], row[f"{name}_quality"]
    more = (
        None if points is None else f"{points} point{'' if points == 1 else 's'}",
        reason,
        None if quality is None else f"quality: {quality}",
    )
    kind = "none" if state == "unknown" else "" if points is None else f"p{min(int(points), 3)}"
    return Tile(title, state, tuple(text for text in more if text), kind)


# ---- how it came there, what followed ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed the present class at every horizon, every class at one, and the same by other measures."""

    entry: str
    horizon: int
    present: list[Row]
    every: list[Row]
    others: list[Row]


def _history(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return sessions, share of all sessions, episodes and their median length of each class that occurred."""
    rows = rows_of(
        con,
        """
        select state, sum(sessions_count)::bigint as sessions_count,
            sum(sessions_count) / sum(sum(sessions_count)) over () as share_ratio,
            count(*) as episodes_count, median(sessions_count) as median_count
        from marts.regime_episodes where dimension = 'regime_class' group by state
        """,
    )
    return _by_class(rows, "state")


def _by_class(rows: list[Row], column: str) -> list[Row]:
    """Return the rows in the order of the classes."""
    found = {row[column]: row for row in rows}
    return [found[name] for name in CLASS_COLOURS if name in found]


def _followed(con: duckdb.DuckDBPyConnection, present: str) -> Followed:
    columns = "select * from marts.regime_outcomes where dimension = 'regime_class'"
    kinds = rows_of(con, f"{columns} and state = $state order by horizon_sessions_count", {"state": present})
    price = [row for row in kinds if row["return_kind"] == "price"]
    at_horizon = f"{columns} and horizon_sessions_count = $horizon and return_kind = 'price'"
    every = _by_class(rows_of(con, at_horizon, {"horizon": HORIZON}), "state")
    return Followed(_entry(price), HORIZON, price, every, _other_measures(kinds))


def _entry(rows: list[Row]) -> str:
    """Return at which price the counted sessions enter, as words."""
    bases = {row["entry_basis"] for row in rows} - {None}
    if bases == {"close"}:
        return "from the first close after the cut-off (there are no opens)"
    if bases <= {"open"}:
        return "from the first open after the cut-off"
    return "from the first open after the cut-off, or the first close where that open is missing"


def _other_measures(rows: list[Row]) -> list[Row]:
    """Return each horizon with its medians by closes and with dividends; empty for a measure that it does not have."""
    cells = {(row["horizon_sessions_count"], row["return_kind"]): row for row in rows}
    nothing = {"median_return_ratio": None, "baseline_median_return_ratio": None, "reason_text": None}
    return [
        {
            "horizon": horizon,
            "kinds": [cells.get((horizon, kind), nothing) for kind in ("close_to_close", "total_return")],
        }
        for horizon in sorted({horizon for horizon, _ in cells})
    ]


# ---- how far to trust it -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Episodes:
    """Known episodes: how many are expected, testable here and as expected, which are not, why some are untested."""

    expected: int
    testable: int
    fitting: int
    others: list[Row]
    reasons: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Validity:
    """What would prove the class wrong, what it is compared with, and the episodes it should have seen."""

    falsification: list[Row]
    references: list[Row]
    episodes: Episodes


@dataclass(frozen=True, slots=True)
class Truth:
    """How the class met the regimes of the simulator. `confusion`: a latent regime, and a cell or None per class."""

    classes: list[str]
    confusion: list[tuple[str, list[Row | None]]]
    lags: list[Row]


def _validity(con: duckdb.DuckDBPyConnection) -> Validity:
    return Validity(
        rows_of(con, "select * from marts.regime_falsification"),
        rows_of(con, "select * from marts.regime_validity"),
        _known_episodes(con),
    )


def _known_episodes(con: duckdb.DuckDBPyConnection) -> Episodes:
    rows = rows_of(con, "select * from marts.regime_known_episodes")
    tested = [row for row in rows if row["is_testable"]]
    others = [row for row in tested if not row["is_as_expected"]]
    reasons = Counter(row["reason_text"] for row in rows if row["reason_text"])
    return Episodes(len(rows), len(tested), len(tested) - len(others), others, sorted(reasons.items()))


def _truth(con: duckdb.DuckDBPyConnection) -> Truth:
    """Return how the class met the regimes of the simulator: only a simulated build has these tables."""
    counted = rows_of(con, "select * from marts.regime_truth_confusion")
    classes = [name for name in CLASS_COLOURS if any(row["regime_class"] == name for row in counted)]
    cells = {(row["latent_regime"], row["regime_class"]): row for row in counted}
    confusion = [
        (regime, [cells.get((regime, name)) for name in classes])
        for regime in dict.fromkeys(row["latent_regime"] for row in counted)
    ]
    lags = rows_of(
        con,
        """
        select latent_regime, count(*) as episodes_count, count(*) filter (where is_detected) as seen_count,
            count(*) filter (where is_seen_before) as before_count,
            median(detection_lag_count) filter (where not is_seen_before) as median_lag,
            max(detection_lag_count) filter (where not is_seen_before) as longest_lag
        from marts.regime_truth_detection group by latent_regime order by latent_regime
        """,
    )
    return Truth(classes, confusion, lags)
