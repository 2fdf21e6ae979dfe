from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from ingest.dataset import Dataset
from ingest.errors import ConfigError
from ingest.rules.snapshot_rules import snapshot_rules
from ingest.snapshot_gate import SnapshotJudgement, judge_snapshot
from tests.unit.snapshot_sample import CHAINS, DAY, NOW, chain


def judged(rows: pl.DataFrame, before: Mapping[date, int] | None = None, table: Dataset = CHAINS) -> SnapshotJudgement:
    return judge_snapshot(table, rows, NOW, before or {})


def first_row(**values: Any) -> list[pl.Expr]:
    return [
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ]


def test_a_sound_day_is_let_in_as_it_came() -> None:
    rows = chain()
    found = judged(rows)
    assert found.held_back is None
    assert found.accepted.equals(rows)
    assert found.refused.is_empty()
    assert all(check.passed for check in found.checks)
    assert {check.asset for check in found.checks} == {"made_up.chains"}


def test_no_rows_are_no_failure() -> None:
    found = judged(chain().clear())
    assert (found.accepted.height, found.refused.height, found.held_back) == (0, 0, None)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"contract": None}, "keys_are_present"),
        ({"underlying": None}, "keys_are_present"),
        ({"session_date": None}, "keys_are_present"),
        ({"bid_usd": float("nan")}, "numbers_are_finite"),
        ({"ask_usd": float("inf")}, "numbers_are_finite"),
        ({"ask_usd": float("-inf")}, "numbers_are_finite"),
        ({"bid_usd": -0.5}, "bid_usd_is_not_negative"),
        ({"bid_usd": 90_000.0}, "bid_usd_is_in_its_range"),
        ({"open_interest": 2_000_000_000}, "open_interest_is_in_range"),
        ({"ask_usd": 2e6}, "ask_usd_is_of_a_possible_size"),
        ({"session_date": DAY + timedelta(days=1)}, "period_is_not_ahead"),
        ({"session_date": date(1970, 1, 1)}, "period_is_not_before_the_first"),
    ],
)
def test_a_wrong_row_is_refused_with_the_rule_that_it_breaks(values: dict[str, Any], rule: str) -> None:
    rows = chain().with_columns(first_row(**values)).cast(dict(chain().schema))
    found = judged(rows)
    assert found.refused["reason"].to_list() == [rule]
    assert found.accepted.height == rows.height - 1
    assert found.refused.columns == [*rows.columns, "reason"]
    failed = [check for check in found.checks if not check.passed]
    assert rule in [check.name for check in failed]
    assert "1 rows" in json.loads(failed[0].detail)["summary"]


def test_missing_values_are_no_failure() -> None:
    found = judged(chain().with_columns(first_row(bid_usd=None, ask_usd=None, open_interest=None)))
    assert found.refused.is_empty()


def test_a_repeat_counts_once_and_two_values_of_one_key_are_both_refused() -> None:
    rows = chain()
    assert judged(pl.concat([rows, rows.head(1)])).accepted.height == rows.height
    clash = rows.head(1).with_columns(bid_usd=pl.lit(0.5))
    found = judged(pl.concat([rows, clash]))
    assert found.refused["reason"].to_list() == ["keys_are_unique"] * 2
    assert found.accepted.height == rows.height - 1


@pytest.mark.parametrize(
    "rows",
    [
        chain().with_columns(pl.col("bid_usd").cast(pl.String)),
        chain().drop("open_interest"),
        chain().with_columns(extra=pl.lit(1)),
    ],
)
def test_other_columns_than_those_declared_hold_the_answer_back(rows: pl.DataFrame) -> None:
    found = judged(rows)
    assert found.accepted.is_empty()
    assert found.held_back is not None
    assert "made_up.chains: " in found.held_back
    assert [check.name for check in found.checks if not check.passed] == ["columns_are_declared"]


def test_an_answer_that_is_wrong_in_a_fifth_of_its_rows_was_misread() -> None:
    rows = chain().with_columns(pl.when(pl.col("underlying") == "AAA").then(-1.0).otherwise("bid_usd").alias("bid_usd"))
    found = judged(rows)
    assert found.held_back == ("made_up.chains: 10 of 20 rows are refused (10 bid_usd_is_not_negative)")
    assert found.accepted.is_empty()
    assert found.refused.height == 10


def test_a_day_of_far_fewer_rows_than_the_days_before_is_refused_whole() -> None:
    before = {DAY - timedelta(days=back): 50 for back in (1, 2, 3)} | {DAY - timedelta(days=9): 10}
    found = judged(chain(), before)
    assert found.accepted.is_empty()
    assert found.held_back is None
    assert set(found.refused["reason"]) == {f"row_count_is_usual: 20 rows of {DAY}, 50 on the 3 days before it"}
    assert judged(chain(), {DAY - timedelta(days=1): 25}).refused.is_empty()


def test_a_second_answer_may_bring_some_groups_only() -> None:
    before = {DAY - timedelta(days=1): 1000, DAY: 1000}
    assert judged(chain(), before).refused.is_empty()
    ungrouped = replace(CHAINS, group=None)
    assert judged(chain(), before, ungrouped).accepted.is_empty()


def test_an_answer_of_one_group_is_held_against_those_of_the_same_group() -> None:
    table = replace(CHAINS, expect=({"rows_ratio": [0.75, 3.0], "of": "answers", "within": 14},))
    held = {"AAA": {DAY: 14, DAY - timedelta(days=1): 14, DAY - timedelta(days=20): 99}, "BBB": {DAY: 11}}
    found = judge_snapshot(table, chain(), NOW, {DAY: 1}, lambda _, within: held if within == 14 else {})
    assert found.accepted["underlying"].unique().to_list() == ["BBB"]
    why = "row_count_is_usual: 10 rows of AAA, 14 lately: the answer is cut short or of something else"
    assert set(found.refused["reason"]) == {why}
    assert found.held_back is None
    # refused for two weeks it is of another size now
    old = {"AAA": {DAY - timedelta(days=15): 14}}
    assert judge_snapshot(table, chain(), NOW, {}, lambda *_: old).refused.is_empty()


def test_an_identity_holds_to_its_tolerance() -> None:
    table = replace(CHAINS, expect=({"identity": "bid_usd + 0.1 = ask_usd", "slack": "0.01"},))
    found = judged(chain(contracts=1), table=table)
    assert found.refused.is_empty()
    off = chain(tuple("ABCDEFG"), contracts=1).with_columns(first_row(ask_usd=1.2))
    assert judged(off, table=table).refused["reason"].to_list() == ["ask_usd_adds_up"]


def test_a_column_says_itself_what_its_values_can_be() -> None:
    bid, *others = CHAINS.values
    table = replace(CHAINS, values=(replace(bid, minimum=0.0), *others), expect=({"unique": "keys"},))
    found = judged(chain().with_columns(first_row(bid_usd=-1.0)), table=table)
    assert found.refused["reason"].to_list() == ["bid_usd_is_in_range"]


def test_two_rules_of_one_name_are_named() -> None:
    twice = ({"positive": ["ask_usd"]}, {"positive": ["ask_usd"]})
    with pytest.raises(ConfigError, match="two rules of one name: ask_usd_is_positive"):
        snapshot_rules(replace(CHAINS, expect=twice), DAY)


@pytest.mark.parametrize(
    "entry",
    [
        {"positive": ["no_such_column"]},
        {"identity": "bid_usd = "},
        {"range": "bid_usd <= ask_usd"},
        {"unheard_of": 1},
        {"since": "2026-01-02"},
        {"rows_ratio": [0.5, 2.0], "weeks": 3},
        {"rows_ratio": [0.5, 2.0], "of": "answers"},
        {"rows_ratio": [0.5, 2.0], "within": 14},
    ],
)
def test_a_declaration_that_cannot_be_read_is_named(entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"made_up\.chains: expect"):
        snapshot_rules(replace(CHAINS, expect=(entry,)), DAY)
