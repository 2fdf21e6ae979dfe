"""A release that would take a headline away is not put in place unless it is said that it may."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingest.errors import AuditFailed
from ingest.home import Home
from warehouse.losses import LOST_COUNT, losses, require_no_loss

SESSIONS = 400
MART = "create table {catalog}marts.volatility_daily as select date '2020-01-01' + n::integer as session_date, {value}"
ALL = "15.0 + n as vix_index, 80.0 as vvix_index from range({count}) t(n)"


def mart(value: str, count: int = SESSIONS) -> str:
    return MART.format(catalog="", value=value.format(count=count))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path).ensure()
    with duckdb.connect(str(found.published)) as con:
        con.execute("create schema marts")
        con.execute(mart(ALL))
        con.execute(
            "create table marts.breadth_daily as select date '2020-01-01' + n::integer as session_date,"
            " universe, 50.0 as above_200dma_pct, 1 as advance_decline_line_count"
            " from range(400) t(n), (values ('SPX'), ('NDX')) u(universe)"
        )
    return found


def built(value: str, count: int = SESSIONS) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("create schema marts")
    con.execute(mart(value, count))
    return con


def test_a_build_that_has_what_was_there_and_more_loses_nothing(home: Home) -> None:
    with built(ALL, SESSIONS + 1) as con:
        assert losses(con, home) == []
        require_no_loss(losses(con, home))


def test_a_leg_without_any_value_is_named_with_its_sessions_and_what_to_do(home: Home) -> None:
    with (
        built("null::double as vix_index, 80.0 as vvix_index from range({count}) t(n)") as con,
        pytest.raises(AuditFailed) as failed,
    ):
        require_no_loss(losses(con, home))
    sentence = str(failed.value)
    assert "marts.volatility_daily.vix_index would lose 400 of 400 values (2020-01-01 to 2021-02-03)" in sentence
    assert "--accept-loss" in sentence


@pytest.mark.parametrize(
    ("gone", "is_loss"),
    [
        ("n = 390", False),
        (f"n between 100 and {100 + LOST_COUNT - 1}", False),
        ("n between 100 and 107", False),  # 8 of 400: 2 %
        ("n between 100 and 108", True),
        ("n >= 390", True),  # all of the newest ten
        ("n >= 391", True),  # nine are more than 2 %
        ("n >= 393", False),
    ],
)
def test_corrections_pass_and_losses_do_not(home: Home, gone: str, is_loss: bool) -> None:
    with built(f"if({gone}, null, 15.0 + n) as vix_index, 80.0 as vvix_index from range({{count}}) t(n)") as con:
        assert [loss.column for loss in losses(con, home)] == (["vix_index"] if is_loss else [])


def test_rows_that_are_gone_count_as_lost(home: Home) -> None:
    with built(ALL, SESSIONS - 20) as con:
        assert {(loss.column, loss.lost_count) for loss in losses(con, home)} == {("vix_index", 20), ("vvix_index", 20)}


def test_a_universe_is_lost_on_its_own(home: Home) -> None:
    with built(ALL) as con:
        con.execute(
            "create table marts.breadth_daily as select date '2020-01-01' + n::integer as session_date,"
            " 'SPX' as universe, 50.0 as above_200dma_pct, 1 as advance_decline_line_count from range(400) t(n)"
        )
        assert {loss.column for loss in losses(con, home)} == {"above_200dma_pct", "advance_decline_line_count"}


def test_without_a_readable_release_nothing_can_be_lost(home: Home, tmp_path: Path) -> None:
    with built(ALL) as con:
        assert losses(con, Home(tmp_path / "other").ensure()) == []
        home.published.unlink()
        home.published.write_bytes(b"\0" * 4096)
        assert losses(con, home) == []
