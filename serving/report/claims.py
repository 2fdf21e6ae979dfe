"""The claims in the report: a section that says how they stand, and a page of their own with each one's events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import log10
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from serving.report.drawing import LEFT, RIGHT, TOP, WIDTH, TimeAxis, ValueAxis, drawing, line, time_marks
from serving.report.phrases import ENGLISH, Phrases, phrases
from serving.report.rendering import has_table, rendered, rows_of

if TYPE_CHECKING:
    import duckdb

    Row = dict[str, Any]

AXIS: Final = "claims-years"
_EVERY: Final = 10
"""One close in so many sessions is enough to see the market behind the events."""
_FEW_LEVELS: Final = (1, 2, 5)
_MORE_LEVELS: Final = (1, 1.5, 2, 3, 4, 5, 7)
_POWERS: Final = range(1, 6)
_KINDS: Final = {"hit": "up2", "miss": "down2", "pending": "un"}


def claims_section(con: duckdb.DuckDBPyConnection, words: Phrases | None = None) -> Markup:
    """Return how the claims stand; nothing where the file has none."""
    if not _has_claims(con):
        return Markup()
    words = words or phrases()
    return rendered("claims.html", words, chance=_chance(con), counts=_counts(con), claims=_claims(con, words))


def claims_page_section(con: duckdb.DuckDBPyConnection, words: Phrases | None = None) -> Markup:
    """Return every claim with its sentence, its events on a chart and its results; nothing where there are none."""
    if not _has_claims(con):
        return Markup()
    words = words or phrases()
    results = _by_claim(rows_of(con, _RESULTS))
    events = _by_claim(rows_of(con, _EVENTS))
    facts, forecasts = (_by_claim(rows_of(con, query)) for query in (_FACTS, _FORECASTS))
    beside = _by_claim(rows_of(con, _BESIDE)) if has_table(con, "claims", "regressions") else {}
    axis, values, closes = _market(con)
    base = _base(closes, axis, values, words) if closes else ""
    shown = [
        row
        | {
            "results": results.get(row["claim_id"], []),
            "beside": beside.get(row["claim_id"], []),
            "facts": facts.get(row["claim_id"], []),
            "forecasts": forecasts.get(row["claim_id"], []),
            "drawing": _drawn(events.get(row["claim_id"], []), axis, values, base, words, closes),
        }
        for row in _claims(con, words)
    ]
    loose = [row for row in rows_of(con, _FACTS) if row["claim_id"] is None]
    method = rows_of(con, "select point, point_text, point_number from claims.method")
    return rendered(
        "claims_page.html",
        words,
        chance=_chance(con),
        claims=shown,
        loose=loose,
        method=method,
        is_english=words.is_english,
    )


def marks(con: duckdb.DuckDBPyConnection) -> Markup:
    """Return what lies behind the charts of the page, once."""
    return time_marks(_axis(con), ())


def _has_claims(con: duckdb.DuckDBPyConnection) -> bool:
    return has_table(con, "claims", "results")


def _claims(con: duckdb.DuckDBPyConnection, words: Phrases) -> list[Row]:
    """Return the claims with text and verdict in the language of the page."""
    place = "" if words.language == ENGLISH else "zh_"
    return rows_of(
        con,
        f"""
        select claim_id, claim_{place}text as said, verdict, verdict_{place}text as found, source, kind, condition_text,
            parameters_text, needs_text, is_user_claim, claim_version
        from claims.claims order by claim_id
        """,  # our own names
    )


def _counts(con: duckdb.DuckDBPyConnection) -> list[Row]:
    order = "['supported', 'weak', 'not_supported', 'refuted', 'pending', 'untestable_public']"
    return rows_of(
        con,
        f"select verdict, count(*) as n from claims.claims group by verdict order by list_position({order}, verdict)",
    )


def _chance(con: duckdb.DuckDBPyConnection) -> Mapping[str, float]:
    rows = con.execute("select point, point_number from claims.method where point_number is not null").fetchall()
    return dict(rows)


_RESULTS: Final = """
select claim_id, parameter_set, outcome, horizon_count, horizon_unit, n_events, n_pending, hit_ratio, hit_low_ratio,
    hit_high_ratio, baseline_ratio, matched_ratio, "median", baseline_median, p_shift, q_value, grid_same_sign_ratio,
    n_events_out_of_sample, verdict, verdict_reason
from claims.results where parameter_set <> 'none' order by claim_id, outcome, horizon_count, parameter_set
"""
_EVENTS: Final = """
select e.claim_id, e.session_date, e.state,
    case when r.claimed = 'up' then e.outcome_number > r.hit_threshold_number
        else e.outcome_number < r.hit_threshold_number end as is_hit
from claims.events as e
join claims.claims as c on e.claim_id = c.claim_id and e.outcome = c.headline_outcome
    and e.horizon_count = c.headline_horizon_count
join claims.results as r on r.claim_id = e.claim_id and r.outcome = e.outcome and r.horizon_count = e.horizon_count
    and r.parameter_set = 'headline'
where e.is_headline order by e.session_date
"""
_BESIDE: Final = """
select claim_id, regression_text, value_number, low_number, high_number, p_number from claims.regressions
where kind <> 'correlation' and value_number is not null order by claim_id, regression
"""
_FACTS: Final = "from claims.facts order by fact_id"  # every column that the release has
_FORECASTS: Final = """
select claim_id, prediction_text, prediction_zh_text, made_date, expires_date, state, evidence_number
from claims.predictions order by prediction_id
"""


def _by_claim(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["claim_id"]:
            found.setdefault(row["claim_id"], []).append(row)
    return found


def _axis(con: duckdb.DuckDBPyConnection) -> TimeAxis:
    ((first, last),) = con.execute(
        "select min(session_date), max(session_date) from marts.market_daily where sp500_close_index is not null"
    ).fetchall()
    return TimeAxis(AXIS, first or date(2000, 1, 1), last or date(2000, 1, 2))


def _market(con: duckdb.DuckDBPyConnection) -> tuple[TimeAxis, ValueAxis, list[tuple[date, float | None]]]:
    """Return the axes and the S&P 500 as the logarithm of its close, thinned: thirty years on one scale."""
    rows = con.execute(
        """
        select session_date, log10(sp500_close_index) from marts.market_daily
        where sp500_close_index > 0 qualify row_number() over (order by session_date) % ? = 0 order by session_date
        """,
        [_EVERY],
    ).fetchall()
    levels = [value for _, value in rows] or [0.0, 1.0]
    low, high = min(levels), max(levels)
    return _axis(con), ValueAxis(low, high if high > low else low + 1, ()), rows


def _base(closes: Sequence[tuple[date, float | None]], axis: TimeAxis, values: ValueAxis, words: Phrases) -> str:
    """Return the market behind the events, with what its axis is."""
    title = f'<text class="t" x="{LEFT + 4}" y="{TOP + 9}">{escape(words.say("S&P 500, scale of logarithms"))}</text>'
    return f"{_level_marks(values)}{line(closes, axis, values, 'base')}{title}"


def level_ticks(low: float, high: float) -> tuple[float, ...]:
    """Return the levels to mark between two logarithms: 1, 2 and 5 with their zeros, more where these are few."""
    for signs in (_FEW_LEVELS, _MORE_LEVELS):
        found = tuple(sign * 10**power for power in _POWERS for sign in signs if low <= log10(sign) + power <= high)
        if len(found) >= len(_FEW_LEVELS):
            break
    return found


def _level_marks(values: ValueAxis) -> str:
    """Return the marked levels of the index at the left, with lines across: the axis itself has their logarithms."""
    drawn = ""
    for level in level_ticks(values.low, values.high):
        y = values.y(log10(level))
        drawn += (
            f'<path class="g" d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}"/>'
            f'<text class="t" x="{LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{level:g}</text>'
        )
    return drawn


def _drawn(
    events: Sequence[Row],
    axis: TimeAxis,
    values: ValueAxis,
    base: str,
    words: Phrases,
    closes: Sequence[tuple[date, float | None]],
) -> Markup | None:
    """Return the market with a dot at each event: hit, miss, or pending."""
    if not events or not closes:
        return None
    levels = dict(closes)
    days = sorted(levels)
    dots = []
    for event in events:
        day = event["session_date"]
        near = max((one for one in days if one <= day), default=days[0])
        kind = _KINDS["pending" if event["state"] != "complete" else "hit" if event["is_hit"] else "miss"]
        x, y = axis.x(day), values.y(levels[near] or values.low)
        dots.append(f'<circle class="h {kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"><title>{day}</title></circle>')
    content = f'<use href="#{AXIS}"/>{base}{"".join(dots)}'
    return drawing(content, str(words.say("Events of the claim on the S&amp;P 500")))
