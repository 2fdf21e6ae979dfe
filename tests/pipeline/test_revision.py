"""A run after revisions lands exactly the revised rows: held against what the stand-in's market itself changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from ingest.catalog import load_catalog
from ingest.connectors import SOURCES
from simulator import Market, StandIn, simulate
from tests.pipeline.placed import ingested, settings_of

BEFORE = datetime(2019, 6, 20, 13, 5, tzinfo=UTC)
AFTER = datetime(2019, 6, 21, 13, 5, tzinfo=UTC)  # total assets of 12 June were corrected the evening before

NOT_IN_THE_ARCHIVES = {"put_call_etp_ratio", "put_call_spx_ratio", "put_call_vix_ratio"}
"""Cboe printed these from October 2019 on only."""

LANDS_A_DAY_LATER = {"hang_seng", "csi300"}
"""Asked by the day of New York: what closes before its morning comes with the next run."""

Cell = tuple[str, str, date]


def shown(market: Market, moment: datetime) -> dict[Cell, float | None]:
    """Return every cell that some provider shows at `moment`, in the mart's unit."""
    return {
        (provider.source, series.id, day): value
        for series in load_catalog().series
        if series.id not in NOT_IN_THE_ARCHIVES
        for provider in series.providers
        if provider.source != "user_file"
        for day, value in market.known(series.id, provider.source, moment).iter_rows()
    }


def test_exactly_the_revised_rows_land(tmp_path: Path):
    market = simulate(AFTER.date(), members=60)
    home = tmp_path / "home"
    with StandIn(market, BEFORE) as upstream:
        for moment in (BEFORE, AFTER):
            upstream.set_now(moment)
            outcomes = ingested(settings_of(home, upstream), *SOURCES)
            assert {one.landing.state for one in outcomes.values()} <= {"ok", "partial", "skipped"}
    with duckdb.connect(str(home / "build" / "warehouse.duckdb"), read_only=True) as con:
        schemas = sorted({provider.source for series in load_catalog().series for provider in series.providers})
        landed = {
            (schema, series_id, day): (basis, known_at)
            for schema in schemas
            for series_id, day, basis, known_at in con.execute(
                f"select series_id, period_date, known_basis, known_at from {schema}.observations where loaded_at = ?",
                [AFTER.replace(tzinfo=None)],
            ).fetchall()
        }
        held_before = {
            (schema, series_id, day)
            for schema in schemas
            for series_id, day in con.execute(
                f"select series_id, period_date from {schema}.observations where loaded_at = ?",
                [BEFORE.replace(tzinfo=None)],
            ).fetchall()
        }
    earlier, later = shown(market, BEFORE), shown(market, AFTER)
    revised = {cell for cell in earlier if cell in later and earlier[cell] != later[cell]}
    assert ("federal_reserve", "fed_total_assets", date(2019, 6, 12)) in revised
    assert ("fred", "fed_total_assets", date(2019, 6, 12)) in revised
    assert {cell for cell in landed if cell in held_before} == revised
    assert {landed[cell] for cell in revised} == {("captured", AFTER.replace(tzinfo=None))}
    values = {cell for cell in landed if cell not in held_before and later.get(cell) is not None}
    expected = {cell for cell in later.keys() - earlier.keys() if later[cell] is not None}
    differing = {cell for cell in values ^ expected if cell[1] not in LANDS_A_DAY_LATER}
    assert differing == set()
