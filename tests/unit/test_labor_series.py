"""UNRATE, SAHMREALTIME and ICSA from the stand-in through fetch, parse, gate and landing: keyless and with vintages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from pydantic import SecretStr

from ingest.archive import Archive
from ingest.catalog import load_catalog
from ingest.clock import clock_at
from ingest.collect import build_context, collect
from ingest.connectors import connector
from ingest.gate import gate
from ingest.http import Upstream
from ingest.settings import Settings
from simulator import StandIn
from tests.unit.standin_helpers import KEY, market, new_york
from warehouse.connection import migrate
from warehouse.landing import held, land

CATALOG = load_catalog()
CODES = {"UNRATE": "unrate", "SAHMREALTIME": "sahm_realtime", "ICSA": "initial_claims"}
NOW = new_york("2026-01-20T19:00")
Row = tuple[date, float | None, datetime, str]


def landed(folder: Path, key: str | None, *moments: datetime) -> dict[str, list[Row]]:
    """Ask for the three series at each moment, land what comes, and return the raw rows of each series."""
    with StandIn(market(), moments[0]) as stand_in, duckdb.connect() as con:
        migrate(con)
        settings = Settings(
            _env_file=None, upstream=stand_in.url, home=folder, fred_api_key=None if key is None else SecretStr(key)
        )
        for number, now in enumerate(moments):
            stand_in.set_now(now)
            before = held(con, "fred")
            newest = dict(before.select("series_id", "last_period").iter_rows())
            with Upstream(settings, clock_at(now), Archive(folder / "archive")) as upstream:
                context = build_context("fred", CATALOG, settings, clock_at(now), upstream)
                pairs = [pair for pair in context.pairs if pair[1].code in CODES]
                since = {series.id: newest.get(series.id) for series, _ in pairs}
                batch = collect(connector("fred"), replace(context, pairs=pairs, since=since))
            assert not batch.problems
            gated = gate(batch, CATALOG, before, now)
            assert gated.held_back is None
            assert gated.refused["fred.observations"].is_empty()
            land(con, batch, gated, CATALOG, f"run{number}", now)
        return {
            series_id: con.execute(
                "select period_date, value, known_at, known_basis from fred.observations where series_id = ? "
                "order by period_date, known_at",
                [series_id],
            ).fetchall()
            for series_id in CODES.values()
        }


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    return landed(tmp_path_factory.mktemp("keyless"), None, NOW)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    return landed(tmp_path_factory.mktemp("keyed"), KEY, NOW)


def of(rows: list[Row], period: date) -> list[Row]:
    return [row for row in rows if row[0] == period]


@pytest.mark.parametrize("way", ["keyless", "keyed"])
def test_the_month_nobody_was_asked_in_lands_as_missing(way: str, request: pytest.FixtureRequest):
    rows = request.getfixturevalue(way)["unrate"]
    ((_, value, known_at, _),) = of(rows, date(2025, 10, 1))
    assert value is None
    assert known_at == datetime(2025, 12, 16, 13, 30)
    around = [of(rows, month)[0] for month in (date(2025, 9, 1), date(2025, 11, 1))]
    assert all(row[1] is not None for row in around)
    assert [row[2] for row in around] == [datetime(2025, 11, 20, 13, 30), datetime(2025, 12, 16, 13, 30)]


def test_without_a_key_revised_series_say_that_they_may_have_been(keyless):
    assert {row[3] for row in keyless["unrate"]} == {"latest_only"}
    assert {row[3] for row in keyless["initial_claims"]} == {"latest_only"}
    assert {row[3] for row in keyless["sahm_realtime"]} == {"release_rule"}
    assert max(row[0] for row in keyless["unrate"]) == date(2025, 12, 1)
    assert max(row[0] for row in keyless["initial_claims"]) == date(2026, 1, 10)


def test_with_a_key_every_print_is_a_vintage(keyed):
    for series_id, rows in keyed.items():
        assert {row[3] for row in rows} == {"vintage"}, series_id
        shown = market().vintages(series_id, "fred", NOW)
        # of prints of one day ALFRED keeps the last
        days = shown.with_columns(day=pl.col("known_at").dt.date()).unique(["period_date", "day"])
        assert sum(row[1] is not None for row in rows) == days.height, series_id
        assert len(of(keyed["sahm_realtime"], date(2025, 9, 1))) == 1
    known = {row[0]: row[2] for row in keyed["unrate"] if row[0] == date(2025, 12, 1)}
    assert known == {date(2025, 12, 1): datetime(2026, 1, 9, 13, 30)}
    weeks = of(keyed["initial_claims"], date(2025, 10, 18))
    assert {row[2] for row in weeks} == {datetime(2025, 11, 20, 13, 30)}


def test_the_seasonal_revision_comes_as_a_vintage_of_its_day(keyed):
    revised = market().rows.filter(
        (pl.col("series_id") == "unrate") & (pl.col("revised_at") == datetime(2026, 1, 9, 13, 30))
    )
    assert revised.height >= 3
    for period, value in revised.select("period_date", "value").iter_rows():
        last = of(keyed["unrate"], period)[-1]
        assert last[1] == value
        assert last[2].date() in (date(2026, 1, 9), date(2026, 1, 10))  # the day's end in New York


def test_a_daily_run_sees_the_hole_open_and_nothing_is_filled_in(tmp_path: Path):
    moments = [
        new_york("2025-11-19T19:00"),
        new_york("2025-12-15T19:00"),
        new_york("2025-12-16T19:00"),
        new_york("2026-01-09T19:00"),
    ]
    rows = landed(tmp_path, None, *moments)
    unrate = {row[0]: row for row in rows["unrate"] if row[0] >= date(2025, 9, 1)}
    assert unrate[date(2025, 10, 1)][1] is None
    assert unrate[date(2025, 10, 1)][2] == datetime(2025, 12, 16, 13, 30)
    assert unrate[date(2025, 11, 1)][1] is not None
    sahm = {row[0] for row in rows["sahm_realtime"] if row[1] is not None}
    assert max(sahm) == date(2025, 9, 1)
