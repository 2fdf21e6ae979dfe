"""The published tables of the claims: declared, computed, written into the build file and checked before a release."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from analytics.claims import inputs, kept
from analytics.claims.chance import RESAMPLES, SEED, SHIFTS
from analytics.claims.definition import Claim, sources
from analytics.claims.engine import HEADLINE, Ledger, begin, run
from analytics.claims.facts import Evidence, fact_rows, prediction_rows, verdicts_of_facts
from analytics.claims.sentences import of_fact, of_forecast, of_test
from analytics.claims.verdicts import ENOUGH_EVENTS, FALSE_DISCOVERY_RATE, VERDICTS, by_chance, with_verdicts
from analytics.claims.world import World
from analytics.regimes.frames import schema_of
from ingest.batch import CheckResult
from warehouse.declared_tables import DeclaredTable, declared_table
from warehouse.derived_table import STAGE, DerivedTable, Rule, check, write_frames
from warehouse.lineage import state
from warehouse.sql import insert_rows

if TYPE_CHECKING:
    import duckdb

    from ingest.second_process import SecondProcess

_DECLARATIONS: Final = Path(__file__).with_name("tables.yml")
REGISTERED: Final = "claim.definitions"
"""Every definition that was ever run; see warehouse/tables/claim.yml."""


def _table(name: str, *rules: Rule) -> DerivedTable:
    table = declared_table(_DECLARATIONS, f"claims.{name}")
    return DerivedTable(**{field.name: getattr(table, field.name) for field in fields(DeclaredTable)}, rules=rules)


CLAIMS: Final = _table(
    "claims",
    Rule("claims_have_a_verdict", "Each claim has one of the six verdicts.", condition=f"verdict in {VERDICTS}"),
)
CONDITIONS: Final = _table(
    "conditions_daily",
    Rule(
        "unknown_conditions_say_why",
        "A condition is unknown exactly when it says why.",
        condition="(is_true is null) = (reason_text is not null)",
    ),
)
EVENTS: Final = _table(
    "events",
    Rule(
        "outcomes_come_after_the_cutoff",
        "An outcome is known after the cut-off of its event, and pending ones have none.",
        condition="coalesce(outcome_known_at > cutoff_at, true)"
        " and (state = 'complete') = (outcome_number is not null)",
    ),
)
RESULTS: Final = _table(
    "results",
    Rule(
        "events_add_up",
        "Events that count are over, pending or without a price, and no more than the onsets.",
        condition="parameter_set = 'none' or n_events + n_pending + n_unpriced <= n_events_raw",
    ),
    Rule(
        "intervals_hold_their_share",
        "The share of hits lies in its interval, and a headline test has a verdict.",
        condition="coalesce(hit_ratio between hit_low_ratio and hit_high_ratio, true)"
        " and (parameter_set in ('headline', 'none')) = (verdict is not null)",
    ),
)
REGRESSIONS: Final = _table(
    "regressions",
    Rule(
        "regressions_say_why_they_are_missing",
        "A figure is missing exactly when it says why, and lies in its interval.",
        condition="(value_number is null) = (reason_text is not null)"
        " and coalesce(value_number between low_number and high_number, true)",
    ),
)
INPUTS: Final = _table("inputs")
FACTS: Final = _table(
    "facts",
    Rule(
        "facts_have_a_query_and_say_why_no_figure_decides",
        "A fact has a query, and where data decides a figure; else it says why the public record stands.",
        condition="evidence_sql is not null and (verdict_basis = 'data') = (reason_text is null)"
        " and (verdict_basis = 'public_record' or known_now_number is not null)",
    ),
)
PREDICTIONS: Final = _table(
    "predictions",
    Rule(
        "scored_when_due",
        "A forecast is open exactly while it has not been scored.",
        condition="(state = 'open') = (scored_date is null)",
    ),
)
METHOD: Final = _table("method")
CLAIM_TABLES: Final = (CLAIMS, CONDITIONS, EVENTS, RESULTS, REGRESSIONS, INPUTS, FACTS, PREDICTIONS, METHOD)
DRAW: Final = "a_claim_left_as_it_was_equals_a_new_test"
DRAW_TEXT: Final = "One of the claims of which no input has changed, drawn by the date, is what a new test gives."
COMPARED: Final = (RESULTS, REGRESSIONS, CONDITIONS, EVENTS)
"""What is made of the definitions and the marts alone."""
CHECKS: Final = {rule.name: (table, rule) for table in CLAIM_TABLES for rule in table.checks}

Versions = Mapping[str, tuple[int, datetime | None]]
"""Per claim the version of its definition and when that was first run."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a run made of the claims: what each was made from, which were left as they were, and the day's draw."""

    marks: Mapping[str, str]
    left: Sequence[str]
    draw: CheckResult


def build_tables(
    con: duckdb.DuckDBPyConnection,
    claims: Sequence[Claim],
    *,
    now: datetime,
    run_id: str,
    test_all: str | None = None,
    second: SecondProcess | None = None,
) -> Written:
    """Test the claims whose inputs have changed and write the tables; `now` is naive UTC.

    A definition that is new is registered first. `test_all` says why no claim may be left as it was. `second` works
    out figures meanwhile.
    """
    registry = registered(con, claims, now=now, run_id=run_id)
    versions = {claim_id: version for claim_id, (version, _) in registry.items()}
    before = kept.take(con, CLAIM_TABLES, test_all)
    world = World(con, claims)
    marks = kept.marks_of(world, claims, versions)
    same = [claim_id for claim_id, mark in marks.items() if before.get(claim_id) == mark]
    rows = kept.Rows(con, same)
    left = [claim_id for claim_id in same if claim_id in rows]
    draw = _drawn(world, [one for one in claims if one.id in rows], versions, rows, now.date())
    found = computed(con, world, claims, registry, rows, second)
    write_frames(con, found)
    state(con, CLAIMS.schema, inputs.lineage_of(found[INPUTS].to_dicts()))
    return Written(marks, left, draw)


def _drawn(
    world: World, left: Sequence[Claim], versions: Mapping[str, int], rows: kept.Rows, today: date
) -> CheckResult:
    """Test one of the claims that are left anew, drawn by the day, and compare; passed where none is left."""
    if not left:
        return draw_result(0, "every claim was tested in this run")
    claim = drawn(left, today)
    ledger = run(world, [claim], versions)
    differing = rows.differing(claim.id, frames_of(world, ledger))
    if not differing:
        return draw_result(0, f"drawn: {claim.id}")
    return draw_result(
        differing,
        f"{claim.id}, left as it was: {differing} rows differ from a new test (`tidegauge run --full-build` makes one)",
    )


def drawn(left: Sequence[Claim], today: date) -> Claim:
    """Return the claim that is drawn on a day."""
    return left[int(hashlib.sha256(today.isoformat().encode()).hexdigest(), 16) % len(left)]


def draw_result(differing: int, detail: str) -> CheckResult:
    """Return the check of the draw."""
    return CheckResult(
        f"{RESULTS.schema}.{RESULTS.name}", DRAW, "error", not differing, differing, detail, STAGE, is_blocking=True
    )


def check_tables(con: duckdb.DuckDBPyConnection) -> list[CheckResult]:
    """Check the tables against their rules."""
    return [one for table in CLAIM_TABLES for one in check(con, table)]


def registered(con: duckdb.DuckDBPyConnection, claims: Sequence[Claim], *, now: datetime, run_id: str) -> Versions:
    """Return the version of each claim. A definition never run before becomes a new one; nothing is ever changed."""
    found: dict[str, tuple[int, datetime | None]] = {}
    held: dict[tuple[str, str], tuple[int, datetime]] = {}
    newest: Counter[str] = Counter()
    for claim_id, version, sha, at in con.execute(
        f"select claim_id, claim_version, definition_sha256, first_run_at from {REGISTERED}"
    ).fetchall():
        held[claim_id, sha] = (version, at)
        newest[claim_id] = max(newest[claim_id], version)
    fresh = []
    for claim in claims:
        known = held.get((claim.id, claim.definition_sha256))
        if known is None:
            known = (newest[claim.id] + 1, now)
            fresh.append([claim.id, known[0], claim.definition_sha256, claim.definition_json, now, run_id])
        found[claim.id] = known
    insert_rows(con, REGISTERED, fresh)
    return found


def computed(
    con: duckdb.DuckDBPyConnection,
    world: World,
    claims: Sequence[Claim],
    versions: Versions,
    left: kept.Rows | None = None,
    second: SecondProcess | None = None,
) -> dict[DerivedTable, pl.DataFrame]:
    """Return the rows of every table, from the marts of `con`: the build file, or a release."""
    numbers = {claim_id: version for claim_id, (version, _) in versions.items()}
    ledger, figuring = begin(world, claims, numbers, left, second)
    evidence = Evidence(con)
    facts, forecasts = fact_rows(evidence), prediction_rows(evidence)
    figuring.finish()
    with_verdicts(
        ledger.results,
        universal={(one.id, days) for one in claims for days in one.universal_horizons},
        young={one.id for one in claims if one.waits_for_history},
    )
    tested = frames_of(world, ledger)
    return {
        CLAIMS: frame_of(CLAIMS, _claim_rows(claims, versions, ledger, facts, forecasts)),
        **{table: tested[table.name] for table in COMPARED},
        INPUTS: frame_of(INPUTS, inputs.rows_of(world, claims)),
        FACTS: frame_of(FACTS, facts),
        PREDICTIONS: frame_of(PREDICTIONS, forecasts),
        METHOD: frame_of(METHOD, _method_rows(ledger)),
    }


def frames_of(world: World, ledger: Ledger) -> dict[str, pl.DataFrame]:
    """Return the rows of conditions, events and results in the columns of their tables, by the name of the table."""
    return {
        CONDITIONS.name: _joined(CONDITIONS, ledger.conditions),
        EVENTS.name: _with_known_at(world, _joined(EVENTS, ledger.events)),
        RESULTS.name: frame_of(RESULTS, ledger.results),
        REGRESSIONS.name: frame_of(REGRESSIONS, ledger.regressions),
    }


def frame_of(table: DerivedTable, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame in the columns and types of a table."""
    return pl.DataFrame(
        {
            name: pl.Series(name, [row.get(name) for row in rows], dtype=kind)
            for name, kind in schema_of(table.columns).items()
        }
    )


def _joined(table: DerivedTable, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    schema = schema_of(table.columns)
    if not frames:
        return pl.DataFrame(schema=schema)
    joined = pl.concat(frames, how="diagonal_relaxed")
    return joined.select(
        pl.col(name).cast(kind) if name in joined.columns else pl.lit(None, kind).alias(name)
        for name, kind in schema.items()
    )


def _with_known_at(world: World, events: pl.DataFrame) -> pl.DataFrame:
    """Write since when an outcome was known: from the cut-off of the session at whose close it ended."""
    cutoffs = world.spine.sessions.select(pl.col("session_date").alias("exit_date"), pl.col("cutoff_at").alias("at"))
    ordered = events.with_row_index("place").sort("exit_date", nulls_last=True)
    joined = ordered.join_asof(
        cutoffs.sort("exit_date"), on="exit_date", strategy="forward", check_sortedness=False
    ).sort("place")
    is_over = pl.col("state") != "pending"
    return joined.with_columns(pl.when(is_over).then(pl.col("at")).alias("outcome_known_at")).select(events.columns)


def _claim_rows(
    claims: Sequence[Claim],
    versions: Versions,
    ledger: Ledger,
    facts: list[dict[str, Any]],
    forecasts: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    told, of_facts = sources(), verdicts_of_facts(facts)
    first: dict[str, dict[str, Any]] = {}
    for result in ledger.results:
        if result["parameter_set"] in (HEADLINE, "none"):
            first.setdefault(result["claim_id"], result)
    rows: list[dict[str, Any]] = []
    row: dict[str, Any] | None
    for claim in claims:
        source, (version, at) = told[claim.source], versions[claim.id]
        row = first.get(claim.id)
        if row is not None:
            verdict, (en, zh) = row["verdict"], of_test(row)
        elif claim.kind == "forecast":
            states = Counter(one["state"] for one in forecasts if one["claim_id"] == claim.id)
            verdict, (en, zh) = _of_states(states), of_forecast(states)
        else:
            verdict = of_facts.get(claim.id, "pending")
            en, zh = of_fact(verdict)
        rows.append(
            {
                "claim_id": claim.id,
                "claim_version": version,
                "claim_text": claim.text.en,
                "claim_zh_text": claim.text.zh,
                "kind": claim.kind,
                "source": claim.source,
                "source_title": source.title,
                "said_date": source.said_date,
                "out_of_sample_from_date": source.out_of_sample_from,
                "is_user_claim": claim.source == "user",
                "condition_text": claim.condition,
                "parameters_text": ", ".join(f"{name} = {one:g}" for name, one in sorted(claim.values.items())) or None,
                "starts_date": claim.starts if claim.kind == "test" else None,
                "cooldown_sessions_count": claim.cooldown_sessions if claim.kind == "test" else None,
                "register_ids": ", ".join(claim.register_ids) or None,
                "needs_text": claim.needs or None,
                "definition_sha256": claim.definition_sha256,
                "first_run_at": at,
                "headline_horizon_count": row["horizon_count"] if row and row["parameter_set"] == HEADLINE else None,
                "headline_outcome": row["outcome"] if row and row["parameter_set"] == HEADLINE else None,
                "verdict": verdict,
                "verdict_text": en,
                "verdict_zh_text": zh,
                "note_text": claim.note or None,
            }
        )
    return rows


def _of_states(states: Mapping[str, int]) -> str:
    """Return the verdict of a forecast of several parts: one wrong part is enough against it, all right ones for it."""
    if states.get("wrong"):
        return "refuted"
    return "supported" if states and set(states) == {"right"} else "pending"


def _method_rows(ledger: Ledger) -> list[dict[str, Any]]:
    tests, expected, seen, remain = by_chance(ledger.results)
    points: list[tuple[str, str, float | None]] = [
        (
            "condition",
            "A condition uses what was known at 09:15 New York on the next session; unknown is not false.",
            None,
        ),
        (
            "entry",
            "Outcomes run from the next session's open; from close to close and with dividends stand beside.",
            None,
        ),
        ("events", "An event is the first session of a condition; within the cool-down no other one counts.", None),
        ("cooldown", "In the headline the cool-down is the horizon or longer, so that no two holdings overlap.", None),
        ("bootstrap", "Resamples of the events with replacement, seeded, for the interval of the median.", RESAMPLES),
        ("seed", "Seed of resamples and rotations.", SEED),
        (
            "shift",
            "Rotations of all events through the sample with their spacing kept: p is (1 + as good) / (1 + all).",
            SHIFTS,
        ),
        (
            "baselines",
            "All sessions of the sample, and sessions in the same drawdown: 0-5, 5-10, 10-20, over 20 %.",
            None,
        ),
        ("grid", "Each threshold 10 % lower and higher and each window a step shorter and longer.", None),
        ("false_discovery_rate", "Benjamini-Hochberg over all headline tests of the release.", FALSE_DISCOVERY_RATE),
        ("enough_events", "Fewer events than this support a claim weakly at most.", ENOUGH_EVENTS),
        ("tests", "Headline tests of this release.", tests),
        ("expected_by_chance", "Tests with p of at most 5 % that chance alone would give.", expected),
        ("seen_at_5_pct", "Tests with p of at most 5 % in this release.", seen),
        ("significant", "Tests that remain after the correction for their number.", remain),
    ]
    return [{"point": point, "point_text": said, "point_number": number} for point, said, number in points]
