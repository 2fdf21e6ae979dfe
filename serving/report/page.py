"""report/index.html: readings, freshness and charts of the published file, in one page that needs no network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.home import Home, nothing_published
from serving.readings import Reading, readings
from serving.report.charts import CHARTS, draw
from serving.report.parts import e, heads, moment, table
from serving.report.regimes import STYLE as REGIME_STYLE
from serving.report.regimes import regime_sections

if TYPE_CHECKING:
    import duckdb

FRED_NOTICE = (
    "This product uses the FRED® API but is not endorsed or certified by the Federal Reserve Bank of St. Louis."
)
NEW_YORK_FED_NOTICE = (
    "The SOFR, the EFFR and the reverse repo results are subject to the Terms of Use posted at newyorkfed.org. "
    "The New York Fed is not responsible for publication of the SOFR, the EFFR or the reverse repo results by "
    "tidegauge, does not sanction or endorse any particular republication, and has no liability for your use."
)
OTHER_NOTICES = (
    "Sources: Board of Governors of the Federal Reserve System; Federal Reserve Bank of New York; US Department of the "
    "Treasury; Ministry of Finance, Japan (yields, turned into spreads here); Cboe; Office of Financial Research; "
    "Yahoo Finance. Not investment advice."
)
STATES = {
    "fresh": ("fresh", "in time"),
    "late": ("amber", "late: due, and not there yet"),
    "stale": ("red", "stale: past its limit, shown as missing in the marts"),
    "never": ("red", "never: no value from any provider"),
    "ended": ("ended", "ended: the publisher discontinued it"),
    "optional": ("ended", "optional: a file of yours would serve it, and there is none"),
}
NOTE_LENGTH = 200

# Whatever a page may hold, it loads nothing: not from its own folder, not from a network.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

_STYLE = """
:root{color-scheme:light}
body{font:15px/1.45 system-ui,sans-serif;color:#1b1b1b;background:#fff;margin:0 auto;
 max-width:1080px;padding:1rem 1.2rem 3rem}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p.sub{color:#444;margin:.2rem 0 1rem}
.simulated{background:#7a1f1f;color:#fff;font-weight:700;padding:.6rem 1rem;border-radius:4px}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:#444;padding-bottom:.3rem}
th,td{padding:.3rem .7rem .3rem 0;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
thead th{border-bottom:2px solid #888}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.d{white-space:nowrap;font-variant-numeric:tabular-nums}
.s{display:inline-block;padding:0 .45em;border-radius:3px;border:1px solid transparent}
.fresh{background:#e3f1e3;border-color:#2d6a2d;color:#1d4a1d}
.amber{background:#fff0cc;border-color:#8a5a00;color:#5c3c00}
.red{background:#fbdcdc;border-color:#9b1c1c;color:#7a1212}
.ended{background:#eee;border-color:#777;color:#444}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:1rem 2rem}
figure{margin:0}figcaption{font-weight:600;margin-bottom:.2rem}
footer{margin-top:2.5rem;color:#444;font-size:.85rem;border-top:1px solid #ddd;padding-top:.8rem}
""" + "".join(
    # The head of a column of numbers stands over the numbers.
    f"table:has(td.n:nth-child({column})) thead th:nth-child({column}){{text-align:right}}\n"
    for column in range(2, 11)
)


def write_report(home: Home) -> Path:
    """Write the report of what is published and return its path; NothingPublished when there is nothing."""
    import duckdb

    if not home.published.exists():
        raise nothing_published(home)
    with duckdb.connect(str(home.published), read_only=True) as con:
        page = render(con)
    home.report.parent.mkdir(parents=True, exist_ok=True)
    waiting = home.report.with_suffix(".tmp")
    waiting.write_text(page, encoding="utf-8")
    os.replace(waiting, home.report)
    return home.report


def render(con: duckdb.DuckDBPyConnection) -> str:
    """Return the page for an open published file; everything that comes from a table is escaped."""
    build = _row(
        con, "select build_id, built_at, origin, is_simulated, data_through_date, code_version from meta.build"
    )
    simulated = (
        '<p class="simulated" role="note">SIMULATED: these figures come from a simulated economy. '
        "They say nothing about any market.</p>"
        if build["is_simulated"]
        else ""
    )
    origin = "" if build["origin"] == "LIVE" else f" · origin {e(build['origin'])}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{_title(build)}</title>
<style>{_STYLE}{REGIME_STYLE}</style>
</head>
<body>
<header>
{simulated}
<h1>Market liquidity</h1>
<p class="sub">Sessions to {e(build["data_through_date"])} · built {moment(build["built_at"])}{origin}</p>
</header>
<main>
{regime_sections(con)}<section aria-labelledby="readings"><h2 id="readings">Readings</h2>
{_readings_table(readings(con))}</section>
<section aria-labelledby="charts"><h2 id="charts">The last years</h2>
<div class="charts">{_charts(con)}</div></section>
<section aria-labelledby="freshness"><h2 id="freshness">Freshness</h2>
{_sources_table(con)}{_freshness_table(con)}</section>
{_checks_section(con)}
</main>
<footer>
<p>{e(FRED_NOTICE)}</p>
<p>{e(NEW_YORK_FED_NOTICE)}</p>
<p>{e(OTHER_NOTICES)}</p>
<p>Build {e(build["build_id"])} · code {e(build["code_version"])}</p>
</footer>
</body>
</html>
"""


def _title(build: dict[str, Any]) -> str:
    simulated = " (SIMULATED)" if build["is_simulated"] else ""
    return f"tidegauge{simulated}: market liquidity to {e(build['data_through_date'])}"


def _readings_table(found: list[Reading]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{e(r.label)}</th><td class="n">{e(r.text)}</td><td>{e(r.unit)}</td>'
        f'<td class="d">{e(r.obs_date)}</td><td class="d">{moment(r.known_at)}</td>'
        f'<td class="n">{_age(r.age_days)}</td><td>{_state(r.state)}</td></tr>'
        for r in found
    )
    titles = heads("Reading", "Value", "Unit", "Observed", "Known at (New York)", "Age", "State")
    caption = (
        "The newest value of each, with the day it is for (of a derived one, the day of its oldest part) and the "
        "moment it could first be read."
    )
    return table(caption, titles, rows)


def _freshness_table(con: duckdb.DuckDBPyConnection) -> str:
    found = con.execute(
        """
        select s.title, f.* from meta.freshness as f inner join marts.series as s using (series_id)
        order by array_position(['never', 'stale', 'late', 'fresh', 'ended', 'optional'], f.state), s.title
        """
    )
    names = [column[0] for column in found.description or []]
    rows = ""
    for values in found.fetchall():
        row = dict(zip(names, values, strict=True))
        notes = "; ".join(e(_short(row[name])) for name in ("last_error", "shrinkage_note") if row[name])
        due = moment(row["expected_by_at"]) if row["state"] in ("fresh", "late", "stale", "never") else "–"
        rows += (
            f'<tr><th scope="row">{e(row["title"])}</th><td>{e(row["provider"])}</td>'
            f'<td class="d">{e(row["data_through_date"])}</td><td class="n">{_age(row["age_days"])}</td>'
            f'<td class="d">{due}</td><td>{_state(row["state"])}</td><td>{notes}</td></tr>'
        )
    titles = heads("Series", "Provider", "Newest", "Age", "Next due (New York)", "State", "Notes")
    legend = " · ".join(f"{_state(state)} {e(text)}" for state, (_, text) in STATES.items())
    return table("How old each series is, by its publisher's calendar.", titles, rows) + f"<p>{legend}</p>"


def _sources_table(con: duckdb.DuckDBPyConnection) -> str:
    """Return what went wrong with each source, once; nothing when nothing did, or in a release that does not tell."""
    there = "select 1 from duckdb_tables() where schema_name = 'meta' and table_name = 'sources'"
    if con.execute(there).fetchone() is None:
        return ""
    found = con.execute(
        "select source, state, answered_at, error_text from meta.sources"
        " where state in ('failed', 'partial', 'held') order by source"
    ).fetchall()
    rows = "".join(
        f'<tr><th scope="row">{e(source)}</th><td>{e(state)}</td><td class="d">{moment(answered)}</td>'
        f"<td>{e(_short(text or ''))}</td></tr>"
        for source, state, answered, text in found
    )
    titles = heads("Source", "State", "Last answer (New York)", "What went wrong")
    return table("Sources that did not give all they were asked for.", titles, rows) if rows else ""


def _checks_section(con: duckdb.DuckDBPyConnection) -> str:
    total = _row(con, "select count(*) as all_of_them, count(*) filter (where is_passed) as passed from meta.quality")
    failed = con.execute(
        "select asset, check_name, severity, failed_count, detail from meta.quality where not is_passed order by all"
    ).fetchall()
    note = (
        " None of those that failed stops a release: error-level checks of the marts and regimes do; those of a source "
        "keep its rows out, or tell."
    )
    rows = "".join(
        f'<tr><th scope="row">{e(a)}</th><td>{e(n)}</td><td>{e(s)}</td>'
        f'<td class="n">{e(c)}</td><td>{e(_short(_summary(d)))}</td></tr>'
        for a, n, s, c, d in failed
    )
    told = f"{total['passed']} of {total['all_of_them']} checks passed.{note if failed else ''}"
    those = (
        table("Those that did not:", heads("Table", "Check", "Severity", "Rows", "What was seen"), rows) if rows else ""
    )
    return f'<section aria-labelledby="checks"><h2 id="checks">Checks</h2><p>{told}</p>{those}</section>'


def _charts(con: duckdb.DuckDBPyConnection) -> str:
    figures = ""
    for chart in CHARTS:
        svg = draw(con, chart) or "<p>No values yet.</p>"
        figures += f"<figure><figcaption>{e(chart.title)}</figcaption>{svg}</figure>"
    return figures


def _state(state: str) -> str:
    kind, _ = STATES.get(state, ("red", state))
    return f'<span class="s {kind}">{e(state)}</span>'


def _summary(detail: str | None) -> str:
    """Return the sentence of a check: the gate keeps JSON with a summary, dbt a sentence."""
    try:
        told = json.loads(detail or "")
    except ValueError:
        return detail or ""
    return str(told.get("summary", detail)) if isinstance(told, dict) else str(told)


def _short(text: str) -> str:
    return text if len(text) <= NOTE_LENGTH else f"{text[: NOTE_LENGTH - 1]}…"


def _age(days: int | None) -> str:
    return "–" if days is None else f"{days} d"


def _row(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    found = con.execute(query)
    names = [column[0] for column in found.description or []]
    values = found.fetchone()
    return dict(zip(names, values or (None,) * len(names), strict=True))
