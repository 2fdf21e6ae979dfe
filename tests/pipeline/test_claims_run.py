"""The claims of the demo's release: what the schema promises, recomputed from the file alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from analytics.claims.facts import facts
from orchestration.claims_command import recompute
from serving.explain.cell import explained
from serving.explore.columns import catalog_of
from serving.explore.frames import selection
from serving.explore.published import Build, Reading
from serving.explore.view import asked_of
from tests.recomputed_facts import differences
from tests.recomputed_reasons import Release, conditions, events, results

QUERY = (
    "select claim_id, claim_text, verdict, n_events, hit_ratio, hit_low_ratio, hit_high_ratio, baseline_ratio, p_shift "
    "from claims.results where verdict <> 'untestable_public'"
)


@pytest.fixture(scope="module")
def published(demo_home: Path) -> Path:
    return demo_home / "published" / "tidegauge.duckdb"


@pytest.fixture(scope="module")
def con(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(published), read_only=True) as con:
        yield con


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    """Return a copy of the published file that may be changed."""
    copied = tmp_path / "copy.duckdb"
    copied.write_bytes(published.read_bytes())
    copied.chmod(0o644)
    return copied


def test_the_schema_is_whole_and_described(con):
    tables = dict(
        con.execute("select table_name, comment from duckdb_tables() where schema_name = 'claims'").fetchall()
    )
    assert set(tables) == {
        *(
            "claims",
            "conditions_daily",
            "definitions",
            "events",
            "facts",
            "inputs",
            "method",
            "predictions",
            "regressions",
            "results",
        )
    }
    assert all(text.startswith("SIMULATED. ") for text in tables.values())
    bare = con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'claims' and comment is null"
    ).fetchall()
    assert bare == []


def test_the_query_of_an_analyst_runs(con):
    rows = con.execute(QUERY).fetchall()
    assert len(rows) > 100
    for *_, hit, low, high, _base, _p in rows:
        assert hit is None or low <= hit <= high


def test_every_claim_is_there_with_a_verdict_in_two_languages(con):
    rows = con.execute("select claim_id, verdict, verdict_text, verdict_zh_text from claims.claims").fetchall()
    assert len(rows) == 80
    assert all(cell for row in rows for cell in row)


def test_chance_is_said_beside_what_was_seen(con):
    told = dict(con.execute("select point, point_number from claims.method").fetchall())
    assert told["expected_by_chance"] == pytest.approx(0.05 * told["tests"], abs=0.01)
    seen = con.execute("select count(*) from claims.results where parameter_set = 'headline' and p_shift <= 0.05")
    assert told["seen_at_5_pct"] == (seen.fetchone() or (None,))[0]


def test_all_claims_come_out_of_the_published_file_alone(published):
    found = recompute(published, [])
    assert len(found) == 80
    assert {claim: told for claim, told in found.items() if told} == {}


def test_a_changed_figure_is_noticed(copy):
    with duckdb.connect(str(copy)) as con:
        con.execute(
            "update claims.results set hit_ratio = hit_ratio + 0.01 where claim_id = 'C-VOL-05' and outcome = 'return'"
        )
    told = recompute(copy, ["C-VOL-05"])["C-VOL-05"]
    assert told
    assert all("hit_ratio is" in one for one in told)


def test_as_of_now_is_what_the_release_says(con):
    columns = "claim_id, parameter_set, outcome, horizon_count, n_events, n_pending, event_dates"
    now = con.execute(f"select {columns} from claims.results_as_of(timestamp '2100-01-01') order by all").fetchall()
    said = con.execute(
        f"select {columns} from claims.results where n_events + n_pending + n_unpriced > 0"
        " and not starts_with(parameter_set, 'placebo') order by all"
    ).fetchall()
    assert now == said


def test_as_of_then_knows_no_later_event_and_no_later_outcome(con):
    then = "timestamp '2019-06-28 14:00'"
    events = con.execute(
        f"select sum(n_events + n_pending) from claims.results_as_of({then}) where parameter_set = 'headline'"
    ).fetchone()
    held = con.execute(
        f"select count(*) from claims.events where is_headline and cutoff_at <= {then}"
        " and (state <> 'unpriced' or outcome_known_at > timestamp '2019-06-28 14:00')"
    ).fetchone()
    assert events == held


def test_conditions_of_a_truncated_file_are_those_of_the_whole_one(con):
    from analytics.claims.definition import read_definitions
    from analytics.claims.world import World

    claims, _ = read_definitions(con)
    world = World(con, claims)
    tested = [one for one in claims if one.kind == "test" and not world.missing(one)]
    whole = {one.id: world.conditions(one, str(one.condition), one.values) for one in tested}
    for until in (1500, 2900):
        cut = world.until(until)
        for one in tested:
            found = cut.conditions(one, str(one.condition), one.values)
            assert [x.to_list() for x in found] == [x[:until].to_list() for x in whole[one.id]], one.id


def test_a_condition_is_explained_down_to_the_bytes(con):
    query = "select session_date::varchar from claims.conditions_daily where claim_id = 'C-VOL-01' and is_true limit 1"
    (day,) = con.execute(query).fetchone() or ("",)
    found = explained(con, "claims.conditions_daily", ["C-VOL-01", day], "is_true")
    assert found.formula == "vix_index > level (level = 35)"
    by_path = {one.path: one for one in found.inputs}
    assert by_path["marts.market_known_daily.vix_index"].value > 35
    assert len(by_path["marts.observations vix_close"].payload_sha256 or "") == 64
    assert found.checks
    assert all(is_passed for _, is_passed, _ in found.checks)


def test_an_event_is_explained_by_its_condition_and_what_followed(con):
    key = con.execute(
        "select claim_id, outcome, horizon_count::varchar, ticker, session_date::varchar, outcome_number"
        " from claims.events where claim_id = 'C-VOL-01' and outcome = 'return' and horizon_count = 63"
        " and state = 'complete' limit 1"
    ).fetchone()
    assert key is not None
    found = explained(con, "claims.events", key[:5], "outcome_number")
    values = {one.path: one.value for one in found.inputs}
    assert values["marts.forward_returns_daily.return_63d_ratio"] == pytest.approx(key[5])
    assert "marts.market_known_daily.vix_index" in values


def test_a_result_is_explained_by_its_events(con):
    row = con.execute(
        "select claim_id, claim_version::varchar, parameter_set, outcome, horizon_count::varchar, n_events + n_pending"
        " from claims.results where claim_id = 'C-TEC-07' and parameter_set = 'headline' and horizon_count = 63"
    ).fetchone()
    assert row is not None
    found = explained(con, "claims.results", row[:5], "hit_ratio")
    events = [one for one in found.inputs if one.path == "claims.events.outcome_number"]
    assert len(events) == min(row[5], 60)
    assert all(one.title.split(", ")[0] != "SPX" for one in events)


def test_lineage_goes_from_claims_to_marts(con):
    edges = con.execute(
        "select table_path, column_name, input_path, input_column, input_use from meta.lineage"
        " where starts_with(table_path, 'claims.')"
    ).fetchall()
    assert ("claims.conditions_daily", "is_true", "marts.market_known_daily", "vix_index", "part") in edges
    assert ("claims.results", "hit_ratio", "claims.events", "outcome_number", "part") in edges
    assert {use for *_, use in edges} == {"part"}
    there = set(con.execute("select schema_name || '.' || table_name, column_name from duckdb_columns()").fetchall())
    assert {(path, column) for _, _, path, column, _ in edges} - there == set()


def test_conditions_and_events_can_be_drawn(con):
    catalog = catalog_of(Reading(con, Build("", None, "SIMULATED", is_simulated=True, data_through_date=None)))
    conditions = catalog.mart("claims.conditions_daily")
    assert (conditions.axis, conditions.selectors, conditions.column("is_true").kind) == (
        "session_date",
        ("claim_id",),
        "flag",
    )
    events = catalog.mart("claims.events")
    assert set(events.selectors) == {"claim_id", "outcome", "horizon_count", "ticker"}
    assert asked_of("claims.events.outcome_number;claim_id=C-VOL-01").mart == "claims.events"
    assert selection(con, conditions, "is_true", {"claim_id": "C-VOL-01"}) == {"claim_id": "C-VOL-01"}


def test_facts_come_out_of_the_published_file_alone(con):
    rows = con.execute("select fact_id, evidence_sql, verdict_basis, reason_text from claims.facts").fetchall()
    assert {name for name, *_ in rows} == {one.id for one in facts()}
    assert all(query for _, query, *_ in rows)
    assert all((basis == "data") == (why is None) for *_, basis, why in rows)
    assert list(differences(con)) == []


def test_a_changed_figure_of_a_fact_is_noticed(copy):
    with duckdb.connect(str(copy)) as con:
        con.execute(
            "update claims.facts set known_now_number = known_now_number + 1 where fact_id = 'spx_2025_11_21';"
            "update claims.facts set known_then_number = known_then_number + 1 where fact_id = 'spx_2026_02_06';"
            "update claims.facts set verdict_basis = 'data' where fact_id = 'vix_records'"
        )
        assert [line.split(" is ")[0] for line in differences(con)] == [
            "spx_2025_11_21: known_now_number",
            "spx_2026_02_06: known_then_number",
            "vix_records: scope by data does not follow from its figures",
        ]


def test_every_reason_comes_out_of_the_marts_of_the_published_file(con):
    release = Release(con)
    assert list(conditions(release)) == []
    assert list(events(release)) == []
    assert list(results(release)) == []
    assert {row[0] for row in con.execute("select distinct state from claims.events").fetchall()} >= {
        *("complete", "pending"),
    }


def test_a_changed_reason_is_noticed(copy):
    with duckdb.connect(str(copy)) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(
            """
            update claims.conditions_daily set reason_text = 'unknown at the cut-off: vix_index'
            where (claim_id, session_date) in (
                select claim_id, min(session_date) from claims.conditions_daily
                where is_true is null and reason_text not like '%vix_index%' group by claim_id order by claim_id limit 1
            );
            update claims.events set state = 'pending', outcome_number = null, outcome_known_at = null
            where (claim_id, outcome, horizon_count, ticker, session_date) in (
                select claim_id, outcome, horizon_count, ticker, session_date from claims.events
                where state = 'complete' and not is_headline and not is_cooldown_21 and not is_own_cooldown
                order by all limit 1
            );
            update claims.results set verdict_reason = 'no event is over yet'
            where verdict_reason = 'the condition never began to hold' and horizon_count = 63
            """
        )
        changed = con.execute("select count(*) from claims.results where verdict_reason = 'no event is over yet'")
        (count,) = changed.fetchone() or (0,)
        release = Release(con)
        assert len(list(conditions(release))) == 1
        assert len(list(events(release))) == 1
        assert count == len(list(results(release))) > 0


def test_figures_of_forecasts_come_out_of_the_query_in_their_row(con):
    rows = con.execute(
        "select prediction_id, evidence_number, evidence_sql from claims.predictions where evidence_number is not null"
    ).fetchall()
    assert rows
    for name, figure, query in rows:
        found = con.execute(query).fetchone()
        seen = None if found is None or found[0] is None else pytest.approx(float(found[0]), abs=1e-6)
        assert figure == seen, name
