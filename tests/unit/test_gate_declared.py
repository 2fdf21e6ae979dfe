"""The gate of a dataset nobody has written code for: everything from what it declares."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest

from ingest.batch import Batch, GateResult
from ingest.catalog import load_catalog
from ingest.catalog.release import ReleaseRule
from ingest.dataset import Column, Dataset
from ingest.errors import ConfigError
from ingest.gate import gate
from ingest.rules.declared import rules_of
from ingest.rules.evidence import Evidence
from warehouse.unsound import refused_groups

NOW = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
WEEKS = [date(2026, 11, 10) - timedelta(days=7 * back) for back in range(20)][::-1]

POSITIONS = Dataset(
    source="made_up",
    name="positions",
    keys=(Column("contract_code", pl.String(), "Contract market"), Column("report_date", pl.Date(), "Tuesday")),
    values=(
        Column("long_contracts", pl.Float64(), "Long"),
        Column("short_contracts", pl.Float64(), "Short"),
        Column("total_contracts", pl.Float64(), "Both"),
        Column("long_pct", pl.Float64(), "Share of the long ones"),
    ),
    period="report_date",
    group="contract_code",
    release=ReleaseRule(calendar="nyse", business_days=3, time=time(15, 30)),
    comment="Positions by contract.",
    is_regular=True,
    expect=(
        {"unique": "keys"},
        {"since": date(1986, 1, 15)},
        {"positive": ["total_contracts"], "not_negative": ["long_contracts", "short_contracts"]},
        {"range": {"long_pct": [0, 100]}},
        {"range": "long_contracts <= total_contracts <= 1000000"},
        {"identity": "long_contracts + short_contracts = total_contracts", "tolerance_ratio": 0.001},
        {"rule": "level_holds", "columns": ["total_contracts"]},
        {"rule": "history_is_not_multiplied", "misprints": ["total_contracts"]},
    ),
)


def row(code: Any, day: date, long: float, short: float, total: float | None = None, pct: float = 50.0) -> Any:
    return (code, day, long, short, long + short if total is None else total, pct)


def weeks(code: str = "067651", factor: float = 1.0) -> list[Any]:
    return [row(code, day, (600.0 + at) * factor, (400.0 + at % 3) * factor) for at, day in enumerate(WEEKS)]


def frame(table: Dataset, rows: list[Any]) -> pl.DataFrame:
    schema = {column.name: column.dtype for column in (*table.keys, *table.values)}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.lit(None, dtype=pl.Datetime("us")).alias("stated_at"),
        pl.lit("a" * 64).alias("payload_sha256"),
        pl.lit(NOW.replace(tzinfo=None), dtype=pl.Datetime("us")).alias("fetched_at"),
    )


def judged(rows: list[Any], held: list[Any] | None = None, table: Dataset = POSITIONS) -> GateResult:
    batch = Batch(table.source, {table.id: frame(table, rows)}, (), (), (), NOW)
    evidence = Evidence() if held is None else Evidence(held={table.id: frame(table, held)})
    return gate(batch, load_catalog(), evidence, NOW, declared=lambda _: table)


def refused(result: GateResult) -> list[tuple[Any, ...]]:
    rows = result.refused[POSITIONS.id]
    return [
        (code, day, reason.split(":")[0])
        for code, day, reason in rows.select("contract_code", "report_date", "reason").iter_rows()
    ]


def failed(result: GateResult) -> set[str]:
    return {check.name for check in result.checks if not check.passed}


def test_good_rows_pass_and_every_check_is_named():
    result = judged(weeks())
    assert failed(result) == set()
    assert result.accepted[POSITIONS.id].height == len(WEEKS)
    names = [check.name for check in result.checks]
    assert sorted(names) == sorted(rule.name for rule in rules_of(POSITIONS))
    assert {"total_contracts_adds_up", "total_contracts_is_in_its_range", "long_pct_is_in_range"} <= {*names}


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        (row("067651", WEEKS[5], 600.0, 400.0, 1002.0), "total_contracts_adds_up"),
        (row("067651", WEEKS[5], -1.0, 400.0, 399.0), "amounts_are_positive"),
        (row("067651", WEEKS[5], 600.0, 400.0, 1000.0, 101.0), "long_pct_is_in_range"),
        (row("067651", WEEKS[5], 1e300, 400.0), "values_are_possible"),
        (row("067651", WEEKS[5], float("inf"), 400.0), "values_are_finite"),
        (row("067651", WEEKS[5], 6e5, 4e5 + 1), "total_contracts_is_in_its_range"),
        (row("067651", date(1985, 1, 8), 600.0, 400.0), "period_is_sensible"),
        (row("067651", date(2016, 1, 5), 600.0, 400.0), "period_is_sensible"),
        (row("067651", date(2026, 11, 24), 600.0, 400.0), "period_is_not_ahead"),
    ],
)
def test_a_row_that_breaks_a_declaration_is_refused_alone(bad, check):
    rows = [bad if one[1] == bad[1] else one for one in weeks()]
    rows += [] if bad in rows else [bad]
    result = judged(rows)
    assert refused(result) == [("067651", bad[1], check)]
    assert check in failed(result)
    assert result.held_back is None


def test_an_identity_allows_its_tolerance_and_passes_over_gaps():
    rows = weeks()
    rows[3] = (*rows[3][:4], 1000.9 / 1000.0 * (rows[3][2] + rows[3][3]), 50.0)
    rows[4] = (*rows[4][:2], None, *rows[4][3:])
    assert refused(judged(rows)) == []


def test_a_group_of_another_name_is_refused_whole_and_the_others_land():
    result = judged(weeks("067651", 1000.0) + weeks("088691"), held=weeks("067651") + weeks("088691"))
    assert result.accepted[POSITIONS.id]["contract_code"].unique().to_list() == ["088691"]
    assert {why for *_, why in refused(result)} == {"history_is_not_multiplied"}
    clash = judged([*weeks("067651"), row("067651", WEEKS[2], 1.0, 2.0), *weeks("088691")])
    assert clash.accepted[POSITIONS.id]["contract_code"].unique().to_list() == ["088691"]
    assert {why for *_, why in refused(clash)} == {"key_is_unique"}


def test_what_a_search_finds_is_refused_where_it_is_also_beside_a_group_in_which_two_rows_clash():
    rows = weeks("088691")
    rows[7] = row("088691", WEEKS[7], 607e2, 401e2)
    result = judged([row("067651", WEEKS[2], 1.0, 2.0), *weeks("067651"), *rows], held=weeks("088691"))
    assert [one for one in refused(result) if one[0] == "088691"] == [("088691", WEEKS[7], "level_holds")]
    assert {"level_holds", "history_is_not_multiplied"} <= failed(result)


def test_a_missing_key_holds_the_batch_back():
    result = judged([*weeks(), row(None, WEEKS[1], 600.0, 400.0)])
    assert "1 rows without a key (- 2026-07-07" in str(result.held_back)
    assert result.accepted[POSITIONS.id].is_empty()
    assert refused(result) == [(None, WEEKS[1], "keys_are_there")]


def test_a_dataset_without_groups_and_a_group_of_numbers_have_their_gate_too():
    whole = replace(POSITIONS, group=None, expect=POSITIONS.expect[:6])
    assert failed(judged(weeks(), table=whole)) == set()
    twice = judged([*weeks(), row("067651", WEEKS[2], 1.0, 2.0)], table=whole)
    assert twice.refused[POSITIONS.id].height == 2
    # all of it is one history, but for a snapshot: what two days have in common is no revision
    larger = judged(weeks(factor=1000.0), held=weeks(), table=whole)
    assert larger.accepted[POSITIONS.id].is_empty()
    (why,) = set(larger.refused[POSITIONS.id]["reason"])
    assert why.startswith("history_is_not_multiplied: made_up: 20 of 20 values held of long_contracts came back multi")
    assert why.endswith("; nothing of positions in this answer")
    snapshot = replace(whole, is_snapshot=True)
    assert failed(judged(weeks(factor=10.0), held=weeks(), table=snapshot)) == set()
    code = Column("contract_code", pl.Int64(), "Contract market")
    numbered = replace(POSITIONS, keys=(code, POSITIONS.keys[1]))
    held = [(67651, *one[1:]) for one in weeks()]
    result = judged([(67651, *one[1:]) for one in weeks(factor=1000.0)], held=held, table=numbered)
    assert {why for *_, why in refused(result)} == {"history_is_not_multiplied"}


def test_counts_are_compared_where_they_are_named():
    counts = tuple(Column(one.name, pl.Int64(), one.comment) for one in POSITIONS.values)
    entry = {"rule": "history_is_not_multiplied", "misprints": []}
    table = replace(POSITIONS, values=counts, expect=(entry,))
    came, held = [[tuple(map(_whole, one)) for one in rows] for rows in (weeks(factor=10.0), weeks())]
    assert failed(judged(came, held=held, table=table)) == set()
    named = replace(table, expect=({**entry, "columns": ["long_contracts"]},))
    assert failed(judged(came, held=held, table=named)) == {"history_is_not_multiplied"}


def _whole(cell: Any) -> Any:
    return int(cell) if isinstance(cell, float) else cell


def test_an_answer_without_groups_that_is_refused_whole_is_said():
    day = pl.Series("report_date", [date(2026, 11, 10)] * 2)
    fetched_at = pl.Series("fetched_at", [NOW.replace(tzinfo=None)] * 2)
    refused_rows = pl.DataFrame([day, fetched_at]).with_columns(reason=pl.lit("multiplied"))
    nothing = refused_rows.clear()
    assert refused_groups(nothing, refused_rows, pl.lit(""), "report_date") == {"": "multiplied"}
    assert refused_groups(refused_rows, refused_rows, pl.lit(""), "report_date") == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"identity": "long_contracts + nothing = total_contracts"}, "does not have: nothing"),
        ({"identity": "long_contracts + short_contracts"}, "expected 2 expressions"),
        ({"identity": "long_contracts + (= total_contracts"}, "is no expression"),
        ({"range": "long_contracts <= total_contracts"}, "expected 3 expressions"),
        ({"rule": "no_such_rule"}, "no rule 'no_such_rule'"),
        ({"rule": "level_holds", "columns": ["nothing"]}, "does not have: nothing"),
        ({"days_ahead": 3, "weeks": 2}, "does not know weeks"),
        ({"expect": 3}, "is needed, got none"),
        ({"sizes": {"report_date": [0, 1]}}, "no numbers of the dataset: report_date"),
        ({"identity": "long_contracts = total_contracts", "name": "level_holds"}, "two checks of one name"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_named(entry, message):
    with pytest.raises(ConfigError, match=r"made_up\.positions: expect") as caught:
        rules_of(replace(POSITIONS, expect=(*POSITIONS.expect, entry)))
    assert message in str(caught.value)
