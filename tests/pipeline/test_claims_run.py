"""The claims of the demo's release: what the schema promises, recomputed from the file alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.claims_command import recompute

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


def test_the_schema_is_whole_and_described(con):
    tables = dict(
        con.execute("select table_name, comment from duckdb_tables() where schema_name = 'claims'").fetchall()
    )
    assert set(tables) == {
        *("claims", "conditions_daily", "definitions", "events", "facts", "method", "predictions", "results")
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


def test_a_changed_figure_is_noticed(published, tmp_path):
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(published.read_bytes())
    copy.chmod(0o644)
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
    from analytics.claims.engine import World

    claims, _ = read_definitions(con)
    world = World(con, claims)
    tested = [one for one in claims if one.kind == "test" and not world.missing(one)]
    whole = {one.id: world.condition(one, str(one.condition), one.values) for one in tested}
    for until in (1500, 2900):
        cut = world.until(until)
        for one in tested:
            found = cut.condition(one, str(one.condition), one.values)
            assert found.to_list() == whole[one.id][:until].to_list(), one.id
