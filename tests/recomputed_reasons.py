"""Recomputes from a published file alone why claims do not know something: conditions, events at the end, results.

Nothing of the engine is used but the declarations of features: what is known is found by SQL over the marts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb

from analytics.claims.known import declared_features

_CALENDAR = ("session_month", "next_session_month", "is_expiry_session")
_FIRST_PRINTS = {
    "consumer_credit_flow_usd_bn": "consumer_credit_total_flow",
    "revolving_credit_flow_usd_bn": "consumer_credit_revolving_flow",
    "real_pce_saar_usd_bn": "real_pce",
    "unrate_pct": "unrate",
    "gdp_usd_bn": "gdp",
}
_CUTOFF = "unknown at the cut-off: "
_WINDOW = "a value inside its window is missing, or the window is not full yet"
_HELD = ("return", "absolute_return", "relative_return", "return_within", "max_adverse", "best_return")
_NEVER = "the condition never began to hold"
_ENOUGH = 20
_OF_FEATURES = ("change", "relative_change")


class Release:
    """A published file, with what each claim and each feature is."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.sessions: list[date] = [
            row[0] for row in con.execute("select session_date from marts.market_known_daily order by 1").fetchall()
        ]
        self.definitions: dict[str, dict[str, Any]] = {
            claim_id: json.loads(text)
            for claim_id, text in con.execute(
                "select claim_id, definition_json from claims.claims"
                " join claims.definitions using (claim_id, claim_version)"
            ).fetchall()
        }
        self.columns = {row[0] for row in con.execute("describe marts.market_known_daily").fetchall()}
        self.tickers = {row[0] for row in con.execute("select distinct ticker from marts.prices_daily").fetchall()}
        self.known = cache(self._known)

    def features(self, claim_id: str, text: str) -> list[str]:
        """Return the features that a condition names."""
        there = {*declared_features(), *self.columns, *_CALENDAR}
        return sorted({*re.findall(r"[a-z_][a-z0-9_]*", text)} & there - {*self.definitions[claim_id]["parameters"]})

    def members(self, claim_id: str) -> tuple[str, ...] | None:
        """Return the members of a panel, of one about prices those that have any; None of a claim about the market."""
        definition = self.definitions[claim_id]
        panel = definition.get("panel")
        if panel is None:
            return None
        rows = self.con.execute(f"select distinct {panel['column']}::varchar from marts.{panel['mart']}").fetchall()
        found = {row[0] for row in rows} - {*panel["leave_out"], None}
        if any(one["of"] == "each" and one["kind"] not in _OF_FEATURES for one in definition["outcomes"]):
            found &= self.tickers
        return tuple(sorted(found))

    def _known(self, feature: str, members: tuple[str, ...] | None) -> set[date]:
        """Return the sessions on which a feature (of any of the members) was known at the cut-off."""
        if feature in _CALENDAR:
            return set(self.sessions)
        if feature in declared_features():
            return self._declared(declared_features()[feature], members)
        hidden = _FIRST_PRINTS.get(feature)
        is_first = (
            f"not list_contains(string_split(coalesce(latest_only_inputs, ''), ', '), '{hidden}')" if hidden else "true"
        )
        query = f"select session_date from marts.market_known_daily where {feature} is not null and {is_first}"
        return {row[0] for row in self.con.execute(query).fetchall()}

    def _declared(self, entry: Mapping[str, Any], members: tuple[str, ...] | None) -> set[date]:
        """Return the sessions that see a value: of the rows whose clock had come the one with the greatest period."""
        by = entry.get("by")
        chosen = f"and {by} in (select unnest($members))" if by else ""
        query = f"""
            with spine as (select session_date, cutoff_at from marts.market_known_daily),
            held as (
                select {by or "''"} as member, {entry["period"]}::date as period, {entry["clock"]} as clock,
                    nullif({entry["column"]}::varchar, 'unknown') as value
                from ({entry.get("rows", f"from marts.{entry['mart']}")})
                where ({entry.get("where", "true")}) and {entry["period"]} is not null
                    -- what no cut-off has seen yet is known on no session: greatest() would pass over that NULL
                    and {entry["clock"]} <= (select max(cutoff_at) from spine) {chosen}
            ),
            seen as (
                select member, greatest(
                    (select min(session_date) from spine where cutoff_at >= clock),
                    (select min(session_date) from spine where session_date >= period)
                ) as since, struct_pack(period, clock, value) as one
                from held
            ),
            newest as (
                select member, session_date, max(one) over (partition by member order by session_date) as one
                from (select distinct member from held) cross join spine
                left join (select member, since as session_date, max(one) as one from seen group by all)
                    using (member, session_date)
            )
            select distinct session_date from newest
            where one.value is not null and session_date - one.period <= {entry.get("oldest_days", 0)}
        """
        return {row[0] for row in self.con.execute(query, {"members": [*(members or ())]} if by else None).fetchall()}


def conditions(release: Release) -> Iterator[str]:
    """Yield each session whose condition is unknown for another reason than the one that is given."""
    rows = release.con.execute(
        "select claim_id, session_date, reason_text from claims.conditions_daily where is_true is null order by all"
    ).fetchall()
    for claim_id, ours in groupby(rows, key=itemgetter(0)):
        definition = release.definitions[claim_id]
        members = release.members(claim_id)
        known = {name: release.known(name, members) for name in release.features(claim_id, definition["condition"])}
        has_window = "(" in definition["condition"] or members is not None
        for _, day, told in ours:
            unknown = ", ".join(name for name, days in known.items() if day not in days)
            found = _CUTOFF + unknown if unknown else _WINDOW
            if told != found or not (unknown or has_window):
                yield f"{claim_id} {day}: {told!r} in the file, {found!r} by the marts"


def events(release: Release) -> Iterator[str]:
    """Yield each event that is over, pending or without a price against what the calendar and the prices say."""
    con, last = release.con, release.sessions[-1]
    place = {day: number for number, day in enumerate(release.sessions)}
    calendar = [row[0] for row in con.execute("select session_date from marts.sessions order by 1").fetchall()]
    after = {day: number for number, day in enumerate(calendar)}
    basis = dict(con.execute("select session_date, entry_basis from marts.forward_returns_daily").fetchall())
    cutoffs = dict(con.execute("select session_date, cutoff_at from marts.market_known_daily").fetchall())
    opens = {
        (ticker, day)
        for ticker, day in con.execute(
            "select ticker, session_date from marts.prices_daily"
            " where open_usd * close_split_adjusted_usd / nullif(close_usd, 0) is not null"
        ).fetchall()
    }
    closes = {
        (ticker, day)
        for ticker, day in con.execute(
            "select ticker, session_date from marts.prices_daily where close_split_adjusted_usd is not null"
        ).fetchall()
    }
    kinds = {
        (claim_id, _name(one)): one
        for claim_id, definition in release.definitions.items()
        for one in definition["outcomes"]
    }
    rows = con.execute(
        "select claim_id, outcome, horizon_count, ticker, session_date, state, outcome_number, exit_date,"
        " outcome_known_at from claims.events order by all"
    ).fetchall()
    for claim_id, name, horizon, ticker, day, state, value, exit_date, known_at in rows:
        one = kinds[claim_id, name]
        fund = ticker if one["of"] == "each" else one["of"]
        if one["kind"] == "dovish_event":
            ends = day + timedelta(days=horizon)
        elif one["kind"] in _HELD:
            entry = calendar[after[day] + 1] if after[day] + 1 < len(calendar) else None
            by_close = (
                basis.get(day) == "close" if fund is None else (fund, entry) not in opens and (fund, entry) in closes
            )
            at = after[day] + horizon + by_close
            ends = calendar[at] if at < len(calendar) else date.max
        else:
            at = place[day] + horizon
            ends = release.sessions[at] if at < len(release.sessions) else date.max
        found = "pending" if ends > last else "unpriced" if value is None else "complete"
        if state != found or (found == "pending") != (known_at is None):
            yield f"{claim_id} {name} {horizon} {ticker} {day}: {state} in the file, {found} as it ends on {ends}"
        elif found != "pending" and (
            exit_date is None or known_at != cutoffs[min(x for x in cutoffs if x >= exit_date)]
        ):
            yield f"{claim_id} {name} {horizon} {ticker} {day}: known at {known_at}, over on {exit_date}"
        elif found == "unpriced" and not _lacks_a_price(release, one, fund, day, ends):
            yield f"{claim_id} {name} {horizon} {ticker} {day}: unpriced, and every price is there"


def _name(one: Mapping[str, Any]) -> str:
    parts = [one["kind"], *(part for part in (one["of"], one["against"]) if part)]
    return "_".join(parts).lower() + (f"_after_{one['after_days']}d" if one["after_days"] else "")


def _lacks_a_price(release: Release, one: Mapping[str, Any], fund: str | None, day: date, ends: date) -> bool:
    """Say whether a session of a holding has no price; of a change of a feature, whether an end of it is unknown."""
    con, kind = release.con, one["kind"]
    if kind in _OF_FEATURES:
        known = release.known(one["of"], None)
        return day not in known or ends not in known
    table, where = ("market_daily", "true") if fund is None else ("prices_daily", "ticker = $fund")
    column = "sp500_close_index" if fund is None else "close_split_adjusted_usd"
    query = f"""
        select count(*) from marts.sessions as s
        left join (select session_date, {column} as price from marts.{table} where {where}) using (session_date)
        where s.session_date > $day and s.session_date <= $ends and price is null
    """
    values = {"day": day, "ends": ends} | ({} if fund is None else {"fund": fund})
    if (con.execute(query, values).fetchone() or (0,))[0]:
        return True
    return (
        kind == "relative_return"
        and one["against"] is not None
        and _lacks_a_price(release, {**one, "kind": "return"}, one["against"], day, ends)
    )


def results(release: Release) -> Iterator[str]:
    """Yield each result whose reason does not follow from the definition, the conditions and the events."""
    con = release.con
    found = con.execute("from claims.results order by all")
    names = [column[0] for column in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in rows:
        told, reason = row["verdict_reason"], row["reason_text"]
        label = " ".join(str(row[name]) for name in ("claim_id", "parameter_set", "outcome", "horizon_count"))
        if row["parameter_set"] == "none":
            expected = _untested(release, row["claim_id"])
            if not told.startswith(expected) or reason != told:
                yield f"{label}: {told!r} in the file, {expected!r} by the marts"
            continue
        expected_reason = _no_event(con, row)
        if reason != expected_reason:
            yield f"{label}: {reason!r} in the file, {expected_reason!r} by its events"
        if row["parameter_set"] == "headline" and not _follows(release, row):
            yield f"{label}: {row['verdict']} because {told!r} does not follow from its figures"


def _no_event(con: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> str | None:
    """Return why a result has no figures, by the events that are in the file; of a placebo by its own counts."""
    if row["parameter_set"].startswith("placebo"):
        over, pending, unpriced = row["n_events"], row["n_pending"], row["n_unpriced"]
    else:
        flag = {"headline": "is_headline", "cooldown_21": "is_cooldown_21"}.get(row["parameter_set"], "is_own_cooldown")
        over, pending, unpriced = con.execute(
            "select count(*) filter (state = 'complete'), count(*) filter (state = 'pending'),"
            f" count(*) filter (state = 'unpriced') from claims.events where {flag} and claim_id = ? and outcome = ?"
            " and horizon_count = ?",
            [row["claim_id"], row["outcome"], row["horizon_count"]],
        ).fetchall()[0]
        assert (over, pending, unpriced) == (row["n_events"], row["n_pending"], row["n_unpriced"]), row
    if row["baseline_ratio"] is None and row["baseline_median"] is None:
        return "no session has both a known condition and a finished outcome"
    if over + pending + unpriced == 0:
        return _NEVER
    return f"no event is over yet: {pending} pending" if over == 0 else None


def _untested(release: Release, claim_id: str) -> str:
    """Return how the reason of a claim without a test begins."""
    definition = release.definitions[claim_id]
    if definition["kind"] == "untestable":
        return str(definition["untestable_because"])
    members = release.members(claim_id)
    funds = {
        one[side] for one in definition["outcomes"] if one["kind"] not in _OF_FEATURES for side in ("of", "against")
    }
    lacking = [f"prices of {fund}" for fund in sorted(funds - {None, "each"} - release.tickers)]
    if members == () and not lacking:
        lacking = [f"rows of {definition['panel']['mart']}"]
    if lacking:
        return f"this release has no {', '.join(lacking)}"
    texts = [definition["condition"], *(one["condition"] for one in definition["placebos"])]
    texts += [part for one in definition.get("regressions", []) for part in (one["of"], one["against"])]
    texts += [one["of"] for one in definition["outcomes"] if one["kind"] in _OF_FEATURES]
    named = sorted({name for text in texts if text for name in release.features(claim_id, text)})
    empty = [
        f"{'first prints' if name in _FIRST_PRINTS else 'values'} of {name}"
        for name in named
        if not release.known(name, members)
    ]
    return f"this release has no {', '.join(empty) or 'session on which it is known'}"


def _follows(release: Release, row: Mapping[str, Any]) -> bool:
    """Say whether verdict and reason of a headline test follow from the figures beside them."""
    definition, count = release.definitions[row["claim_id"]], row["n_events"]
    told = row["verdict_reason"]
    if not count:
        return (row["verdict"], told) == ("pending", row["reason_text"])
    if definition.get("waits_for_history") and count < _ENOUGH:
        return (row["verdict"], told) == (
            "pending",
            f"its history has just begun: {count} of {_ENOUGH} events are over",
        )
    if row["horizon_count"] in definition["universal_horizons"] and row["hit_ratio"] < 1:
        sign = ">" if row["claimed"] == "up" else "<"
        (missed,) = release.con.execute(
            f"select count(*) filter (not outcome_number {sign} ?) from claims.events where is_headline"
            " and claim_id = ? and outcome = ? and horizon_count = ? and state = 'complete'",
            [row["hit_threshold_number"], row["claim_id"], row["outcome"], row["horizon_count"]],
        ).fetchall()[0]
        return (row["verdict"], told) == ("refuted", f"stated as always; {missed} of {count} events went the other way")
    if row["q_value_opposite"] is not None and row["q_value_opposite"] <= 0.1:
        return bool(row["verdict"] == "refuted" and told.startswith("the opposite is significant"))
    if row["q_value"] is None or row["q_value"] > 0.1:
        few = f"; {count} events are few" if count < _ENOUGH else ""
        expected = f"not distinguishable from any session after correction for the number of tests{few}"
        return (row["verdict"], told) == ("not_supported", expected)
    if count < _ENOUGH:
        return (row["verdict"], told) == ("weak", f"significant, on {count} events only")
    way = 1 if row["claimed"] == "up" else -1
    signs = [way * (row[name] or 0) > 0 for name in ("effect_matched", "effect_first_half", "effect_second_half")]
    return bool(row["verdict"] == ("supported" if all(signs) else "weak"))
