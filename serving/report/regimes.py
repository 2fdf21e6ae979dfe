"""The report's first sections: which regime it is and why, how it came there, what followed, how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from serving.report.charts import CLASS_COLOURS, draw_classes
from serving.report.parts import e, heads, moment, rows_of, table

if TYPE_CHECKING:
    import duckdb

HORIZON: Final = 63
"""Sessions ahead of which the table of all classes tells; the table of the present class has every horizon."""

_LIGHT_TEXT: Final = ("STRESS", "CRISIS")  # classes whose colour needs white letters

STYLE: Final = """
.headline{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;align-items:baseline;margin:.6rem 0 .4rem}
.class{font-size:1.7rem;font-weight:700;padding:.1rem .7rem;border-radius:4px;border:1px solid #555}
.explain{font-size:1.05rem;margin:.3rem 0}
.strip{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:.5rem;margin:.8rem 0;padding:0;
 list-style:none}
.strip li{border:1px solid #bbb;border-left:6px solid #bbb;border-radius:4px;padding:.3rem .5rem;overflow-wrap:anywhere}
.strip .what{display:block;color:#444;font-size:.85rem}.strip .state{font-weight:600}
.strip .more{display:block;color:#444;font-size:.85rem}
.p0{border-left-color:#7fb2dd!important}.p1{border-left-color:#f3c24b!important}
.p2{border-left-color:#dd7a2c!important}.p3{border-left-color:#8f1d1d!important}
.none{background:#f4f4f4;border-style:dashed!important}
.few td,.few th{color:#666}td .more{display:block;color:#555;font-size:.8rem}.wide+.wide{margin-top:1.2rem}
details{margin:.5rem 0}summary{cursor:pointer;color:#1f5fa8}
""" + "".join(
    f".c-{name.lower()}{{background:{colour};color:{'#fff' if name in _LIGHT_TEXT else '#1b1b1b'}}}\n"
    for name, colour in CLASS_COLOURS.items()
)
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
_DENIAL: Final = (
    "The class says how stressed markets are now and how wide outcomes have been. It is not advice and not a timing "
    "signal; docs/method.md has every rule and what would prove it wrong."
)


def regime_sections(con: duckdb.DuckDBPyConnection) -> str:
    """Return the sections of the regime; nothing where the file has no regime rows."""
    if not _has(con, "regime_daily"):
        return ""
    newest = rows_of(con, "select * from marts.regime_daily order by session_date desc limit 1")
    if not newest:
        return ""
    row = newest[0]
    parts = [_headline(con, row)]
    if _has(con, "regime_episodes"):
        parts.append(_history(con))
    if _has(con, "regime_outcomes"):
        parts.append(_followed(con, row["regime_class"]))
    if _has(con, "regime_validity"):
        parts.append(_validity(con))
    if _has(con, "regime_truth"):
        parts.append(_truth(con))
    return "".join(parts)


def _has(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    query = "select 1 from duckdb_tables() where schema_name = 'marts' and table_name = ?"
    return con.execute(query, [name]).fetchone() is not None


# ---- which regime it is --------------------------------------------------------------------------------------------


def _headline(con: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> str:
    items = "".join(_dimension(row, name, title) for name, title in _DIMENSIONS.items())
    composites = "".join(
        f'<li><span class="what">{e(title)}</span> <span class="state">{_word(row[f"{name}_state"])}</span></li>'
        for name, title in _COMPOSITES.items()
    )
    score = "unknown" if row["core_score"] is None else f"{row['core_score']} of 12"
    raw = row["regime_class_raw"]
    alone = "" if raw == row["regime_class"] else f" · this session alone: {_word(raw)}"
    return (
        f'<section aria-labelledby="regime"><h2 id="regime">The regime</h2>'
        f'<p class="headline">{_badge(row["regime_class"])}<span>session {e(row["session_date"])} · core score {score}'
        f" · by what was known at {moment(row['cutoff_at'])} New York{_since(con)}{alone}</span></p>"
        f'<p class="explain">{e(row["explain_text"])}</p><p class="sub">{e(_DENIAL)}</p>'
        f'<ul class="strip" aria-label="Composites and dimensions">{composites}{items}</ul></section>\n'
    )


def _badge(name: str) -> str:
    return f'<span class="class c-{e(name).lower()}">{e(name)}</span>'


def _since(con: duckdb.DuckDBPyConnection) -> str:
    """Return since when the class holds and what it came from."""
    if not _has(con, "regime_episodes"):
        return ""
    found = rows_of(
        con,
        "select began_date, sessions_count, came_from_state from marts.regime_episodes"
        " where dimension = 'regime_class' and is_running",
    )
    if not found:
        return ""
    running = found[0]
    came = f", came from {_word(running['came_from_state'])}" if running["came_from_state"] else ""
    return f" · since {e(running['began_date'])} ({e(running['sessions_count'])} sessions{came})"


def _dimension(row: dict[str, Any], name: str, title: str) -> str:
    state, points = row[f"{name}_state"], row[f"{name}_points"]
    reason, quality = row[f"{name}_reason"], row[f"{name}_quality"]
    more = [
        text
        for text in (
            None if points is None else f"{points} point{'' if points == 1 else 's'}",
            reason,
            None if quality is None else f"quality: {quality}",
        )
        if text
    ]
    kind = "none" if state == "unknown" else "" if points is None else f"p{min(int(points), 3)}"
    told = f'<span class="more">{e(" · ".join(more))}</span>' if more else ""
    return (
        f'<li class="{kind}"><span class="what">{e(title)}</span> <span class="state">{_word(state)}</span> {told}</li>'
    )


def _word(state: Any) -> str:
    return e(state).replace("_", " ")


# ---- how it came there, what followed ------------------------------------------------------------------------------


def _history(con: duckdb.DuckDBPyConnection) -> str:
    svg = draw_classes(con) or "<p>No class is known yet.</p>"
    shares = rows_of(
        con,
        """
        select state, sum(sessions_count)::bigint as sessions_count, count(*) as episodes_count,
            median(sessions_count) as median_count
        from marts.regime_episodes where dimension = 'regime_class' group by state
        """,
    )
    by_state = {row["state"]: row for row in shares}
    total = sum(row["sessions_count"] for row in shares)
    rows = "".join(
        f'<tr><th scope="row">{e(name)}</th><td class="n">{e(by_state[name]["sessions_count"])}</td>'
        f'<td class="n">{100 * by_state[name]["sessions_count"] / total:.1f} %</td>'
        f'<td class="n">{e(by_state[name]["episodes_count"])}</td>'
        f'<td class="n">{by_state[name]["median_count"]:.0f}</td></tr>'
        for name in CLASS_COLOURS
        if name in by_state
    )
    titles = heads("Class", "Sessions", "Share", "Episodes", "Median length")
    return (
        '<section aria-labelledby="history"><h2 id="history">How the class went</h2>'
        f"<figure><figcaption>Headline class, and the core score on it</figcaption>{svg}</figure>"
        f"{table('Sessions and episodes of each published class.', titles, rows)}</section>\n"
    )


def _followed(con: duckdb.DuckDBPyConnection, present: str) -> str:
    columns = "select * from marts.regime_outcomes where dimension = 'regime_class'"
    kinds = rows_of(con, f"{columns} and state = $state order by horizon_sessions_count", {"state": present})
    now = [row for row in kinds if row["return_kind"] == "price"]
    every = {
        row["state"]: row
        for row in rows_of(
            con, f"{columns} and horizon_sessions_count = $horizon and return_kind = 'price'", {"horizon": HORIZON}
        )
    }
    how = (
        f"The S&P 500 {_entry(now)}, without dividends. Windows overlap, so sessions "
        "overstate what is known: intervals (95 %, below the figure) count windows that fit beside one another. "
        "Any session: the same after any session of the sample. Worst tenth: one in ten sat through a deeper fall. "
        "Grey: fewer than 20 episodes, a list of cases and not a statistic."
    )
    first = table(f"After {present}.", _outcome_heads("Sessions ahead"), _outcome_rows(now, None))
    second = table(
        f"After each class, {HORIZON} sessions ahead.",
        _outcome_heads("Class"),
        _outcome_rows([every[name] for name in CLASS_COLOURS if name in every], "state"),
    )
    head = '<section aria-labelledby="followed"><h2 id="followed">What followed</h2>'
    return f'{head}<p class="sub">{e(how)}</p>{first}{second}{_other_measures(kinds, present)}</section>\n'


def _entry(found: list[dict[str, Any]]) -> str:
    """Return at which price the counted sessions enter, as words."""
    bases = {row["entry_basis"] for row in found} - {None}
    if bases == {"close"}:
        return "from the first close after the cut-off (no opens are held)"
    if bases <= {"open"}:
        return "from the first open after the cut-off"
    return "from the first open after the cut-off, or the first close where that open is not held"


def _other_measures(found: list[dict[str, Any]], present: str) -> str:
    """Return the medians by the open, by closes and with dividends beside one another."""
    cells = {(row["horizon_sessions_count"], row["return_kind"]): row for row in found}
    rows = ""
    for horizon in sorted({horizon for horizon, _ in cells}):
        told = [cells.get((horizon, kind)) for kind in ("close_to_close", "total_return")]
        rows += f'<tr><th scope="row">{e(horizon)}</th>' + "".join(
            f'<td class="n">{_share(row["median_return_ratio"]) if row else "–"}</td>'
            f'<td class="n">{_share(row["baseline_median_return_ratio"]) if row else "–"}</td>'
            for row in told
        )
        rows += f"<td>{_note('; '.join(_lacks(row) for row in told if row and row['reason_text']))}</td></tr>"
    titles = heads("Sessions ahead", "Close to close", "Any session", "With dividends", "Any session", "Note")
    caption = f"Medians after {present} by other measures: from the first close, and with the dividends of SPY."
    return table(caption, titles, rows) if rows else ""


def _lacks(row: dict[str, Any]) -> str:
    return f"{_word(row['return_kind'])}: {row['reason_text']}"


def _outcome_heads(first: str) -> str:
    return heads(
        first,
        "Sessions",
        "Windows",
        "Episodes",
        "Median",
        "Any session",
        "Quartiles",
        "Up",
        "Any session",
        "Worst tenth",
    )


def _outcome_rows(found: list[dict[str, Any]], name: str | None) -> str:
    rows = ""
    for row in found:
        few = ' class="few"' if row["is_too_few"] else ""
        what = row["horizon_sessions_count"] if name is None else row[name]
        rows += (
            f'<tr{few}><th scope="row">{e(what)}</th><td class="n">{e(row["sessions_count"])}</td>'
            f'<td class="n">{e(row["windows_count"])}</td>'
            f'<td class="n">{e(row["episodes_count"])}{" (few)" if row["is_too_few"] else ""}</td>'
            f'<td class="n">{_share(row["median_return_ratio"])}{_between(row, "median_return")}</td>'
            f'<td class="n">{_share(row["baseline_median_return_ratio"])}</td>'
            f'<td class="n">{_share(row["p25_return_ratio"])} to {_share(row["p75_return_ratio"])}</td>'
            f'<td class="n">{_share(row["hit_rate_ratio"], sign=False)}{_between(row, "hit_rate", sign=False)}</td>'
            f'<td class="n">{_share(row["baseline_hit_rate_ratio"], sign=False)}</td>'
            f'<td class="n">{_share(row["p10_max_adverse_ratio"])}</td></tr>'
        )
    return rows


def _share(value: float | None, *, sign: bool = True) -> str:
    if value is None:
        return "–"
    return f"{100 * value:+.1f} %" if sign else f"{100 * value:.0f} %"


def _between(row: dict[str, Any], name: str, *, sign: bool = True) -> str:
    low, high = row[f"{name}_low_ratio"], row[f"{name}_high_ratio"]
    return "" if low is None else f'<span class="more">{_share(low, sign=sign)} to {_share(high, sign=sign)}</span>'


# ---- how far to trust it -------------------------------------------------------------------------------------------


def _validity(con: duckdb.DuckDBPyConnection) -> str:
    return (
        '<section aria-labelledby="validity"><h2 id="validity">How far to trust it</h2>'
        f"{_falsification(con)}{_references(con)}{_known_episodes(con)}</section>\n"
    )


def _falsification(con: duckdb.DuckDBPyConnection) -> str:
    rows = ""
    for row in rows_of(con, "select * from marts.regime_falsification"):
        is_own = row["basis"] == "own_only"
        met = "met without substitutes" if is_own else "MET: withdraw the class"
        verdict = {True: met, False: "not met", None: "not measurable"}[row["is_met"]]
        kind = {True: "amber" if is_own else "red", False: "fresh", None: "ended"}[row["is_met"]]
        rows += (
            f'<tr><th scope="row">{e(row["condition_text"])}</th>'
            f'<td>{"own series only" if is_own else "as published"}</td><td class="n">{_number(row["value"])}</td>'
            f'<td class="n">{e(row["comparison"])} {row["threshold_number"]:g}</td><td>{e(row["unit"])}</td>'
            f'<td><span class="s {kind}">{verdict}</span></td><td>{_note(row["reason_text"])}</td></tr>'
        )
    titles = heads("We withdraw the headline class when", "Counted", "Now", "Met at", "Unit", "State", "Note")
    caption = (
        "Conditions stated in advance, computed in every build: of the class as published, and counting only sessions "
        "on which it stands on no substitute series."
    )
    return table(caption, titles, rows)


def _references(con: duckdb.DuckDBPyConnection) -> str:
    rows = ""
    for row in rows_of(con, "select * from marts.regime_validity"):
        verdict = {True: "as expected", False: "not as expected", None: "not measurable"}[row["is_met"]]
        kind = {True: "fresh", False: "amber", None: "ended"}[row["is_met"]]
        limit = "–" if row["threshold_number"] is None else f"{row['comparison']} {row['threshold_number']:g}"
        span = "" if row["first_date"] is None else f"{row['first_date']} to {row['last_date']}"
        rows += (
            f'<tr><th scope="row">{e(row["reference"])}</th><td>{_word(row["measure"])}</td>'
            f'<td>{e(row["compared_text"])}</td><td class="n">{_number(row["value"])}</td>'
            f'<td class="n">{e(limit)}</td><td><span class="s {kind}">{verdict}</span></td>'
            f'<td class="n">{e(row["pairs_count"])}</td><td>{_note(row["reason_text"] or span)}</td></tr>'
        )
    titles = heads("Reference", "Measure", "What is compared", "Found", "Expected", "Verdict", "Pairs", "Note")
    caption = "Published indices contain the VIX and the same spreads: agreement is consistency, not proof."
    return table(caption, titles, rows)


def _known_episodes(con: duckdb.DuckDBPyConnection) -> str:
    found = rows_of(con, "select * from marts.regime_known_episodes")
    tested = [row for row in found if row["is_testable"]]
    fit = sum(row["is_as_expected"] for row in tested)
    told = f"<p>Known episodes: {len(found)} expectations, {len(tested)} testable here, {fit} as expected.</p>"
    odd = [row for row in tested if not row["is_as_expected"]]
    if odd:
        titles = heads("Episode", "Aspect", "Expected", "Found")
        rows = "".join(
            f'<tr><th scope="row">{e(row["episode"])}</th><td>{e(row["aspect"])}</td>'
            f"<td>{e(row['expected_text'])}</td><td>{e(row['found_text'])}</td></tr>"
            for row in odd
        )
        told += table("Those that came out otherwise:", titles, rows)
    reasons: dict[str, int] = {}
    for row in found:
        if row["reason_text"]:
            reasons[row["reason_text"]] = reasons.get(row["reason_text"], 0) + 1
    if reasons:
        listed = "".join(f"<li>{count} × {e(reason)}</li>" for reason, count in sorted(reasons.items()))
        told += f"<details><summary>Why the others are not testable</summary><ul>{listed}</ul></details>"
    return told


def _truth(con: duckdb.DuckDBPyConnection) -> str:
    """Return how the class met the regimes of the simulator: only a simulated build has these tables."""
    counted = rows_of(con, "select * from marts.regime_truth_confusion")
    classes = [name for name in CLASS_COLOURS if any(row["regime_class"] == name for row in counted)]
    cells = {(row["latent_regime"], row["regime_class"]): row for row in counted}
    rows = ""
    for regime in dict.fromkeys(row["latent_regime"] for row in counted):
        told = [cells.get((regime, name)) for name in classes]
        rows += f'<tr><th scope="row">{_word(regime)}</th>' + "".join(
            '<td class="n">–</td>'
            if cell is None
            else f'<td class="n">{e(cell["sessions_count"])} ({_share(cell["share_of_latent_ratio"], sign=False)})</td>'
            for cell in told
        )
        rows += "</tr>"
    confusion = table("SIMULATED: sessions of each latent regime by published class.", heads("Latent", *classes), rows)
    lags = rows_of(
        con,
        """
        select latent_regime, count(*) as all_of_them, count(*) filter (where is_detected) as seen,
            count(*) filter (where is_seen_before) as before,
            median(detection_lag_count) filter (where not is_seen_before) as median_lag,
            max(detection_lag_count) filter (where not is_seen_before) as longest
        from marts.regime_truth_detection group by latent_regime order by latent_regime
        """,
    )
    rows = "".join(
        f'<tr><th scope="row">{_word(row["latent_regime"])}</th><td class="n">{e(row["all_of_them"])}</td>'
        f'<td class="n">{e(row["seen"])}</td><td class="n">{e(row["before"])}</td>'
        f'<td class="n">{_number(row["median_lag"])}</td><td class="n">{_number(row["longest"])}</td></tr>'
        for row in lags
    )
    titles = heads("Latent", "Episodes", "Seen", "Class stood there before", "Median lag, sessions", "Longest")
    lag = table("SIMULATED: sessions until the class saw a stress (CAUTION) or a crisis (STRESS).", titles, rows)
    return (
        f'<section aria-labelledby="truth"><h2 id="truth">Against the simulated truth</h2>{confusion}{lag}</section>\n'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _note(text: str | None) -> str:
    return e(text) if text else ""
