"""The report's sections on the regime: which it is and why, how it came there, what followed, how far to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from serving.report.axes import Axes
from serving.report.changes import Changes
from serving.report.colours import CLASS_COLOURS
from serving.report.drawing import TimeAxis, ValueAxis, drawing, line, time_marks, value_marks
from serving.report.morning import COMPOSITES, dimensions, heat_strip
from serving.report.phrases import Phrases, phrases
from serving.report.rendering import has_table, rendered, rows_of

if TYPE_CHECKING:
    import duckdb

    Row = dict[str, Any]

HORIZON: Final = 63
"""Sessions ahead that the table of all classes shows; the table of the present class has every horizon."""


def morning_section(
    con: duckdb.DuckDBPyConnection, rows: Sequence[Row], changed: Changes | None, words: Phrases | None = None
) -> Markup:
    """Return the newest regime with its dimensions and what changed; nothing where the file has no regime rows."""
    if not rows:
        return Markup()
    return rendered(
        "morning.html",
        words,
        newest=rows[0],
        running=_running(con) if has_table(con, "marts", "regime_episodes") else None,
        composites=[(title, rows[0][f"{name}_state"]) for name, title in COMPOSITES.items()],
        dimensions=dimensions(con, rows),
        changes=changed,
    )


def regime_sections(
    con: duckdb.DuckDBPyConnection, rows: Sequence[Row], axes: Axes, words: Phrases | None = None
) -> dict[str, Markup]:
    """Return the other sections of the regime that the file has tables for, each by the id of its heading."""
    if not rows:
        return {}
    words = words or phrases()
    found = {}
    if has_table(con, "marts", "regime_episodes"):
        found["history"] = rendered(
            "history.html",
            words,
            history=_history(con),
            drawing=_classes(con, axes, words),
            heat=heat_strip(con, axes, words),
        )
    if has_table(con, "marts", "regime_outcomes"):
        followed = _followed(con, rows[0]["regime_class"])
        found["followed"] = rendered("followed.html", words, newest=rows[0], followed=followed)
    if has_table(con, "marts", "regime_validity"):
        found["validity"] = rendered("validity.html", words, validity=_validity(con))
    if has_table(con, "marts", "regime_truth"):
        found["truth"] = rendered("truth.html", words, truth=_truth(con))
    return found


def _running(con: duckdb.DuckDBPyConnection) -> Row | None:
    """Return since when the class lasts and what it came from."""
    rows = rows_of(
        con,
        "select began_date, sessions_count, came_from_state from marts.regime_episodes"
        " where dimension = 'regime_class' and is_running",
    )
    return rows[0] if rows else None


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


def _classes(con: duckdb.DuckDBPyConnection, axes: Axes, words: Phrases) -> Markup | None:
    """Return the class over the whole history as bands with the core score on them, None where there is no class."""
    known = [place for place, (state, _, _) in enumerate(axes.bands) if state != "unknown"]
    if not known:
        return None
    bands = axes.bands[known[0] :]
    time = TimeAxis("all-classes", bands[0][1], bands[-1][2])
    scores = con.execute(
        """
        select session_date, core_score from marts.regime_daily where session_date >= ?
        order by session_date
        """,
        [time.first],
    ).fetchall()
    values = ValueAxis(0, 12, (0, 2, 4, 7, 12))  # where the classes begin
    content = (
        f'<defs>{time_marks(time, bands)}</defs><use href="#{time.name}"/>'
        f"{value_marks(values, 'left', has_grid=False)}{line(scores, time, values, 'l1')}"
    )
    return drawing(
        content, f"{words.text('Headline class and core score')}, {time.first} – {bands[-1][2] - timedelta(days=1)}"
    )


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
