"""The release of a whole demo elsewhere: what may not be passed on is not there, and PostgreSQL holds all the rest."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingest.home import Home
from serving.publish.licence import gate
from serving.publish.postgres import Target
from serving.publish.publishing import copy_to_folder, copy_to_postgres
from serving.publish.release import opened, tables_of
from tests.unit.postgres_server import running

SPREADS = ("hy_oas_bp", "ig_oas_bp", "ccc_oas_bp", "ccc_yield_pct", "baa_10y_bp")
RESTRICTED = {
    "marts.credit_daily": {*SPREADS},
    "marts.market_daily": {*SPREADS, "move_index"},
    "marts.market_known_daily": {*SPREADS, "move_index", "challenger_cuts_count", "fms_cash_pct"},
    "marts.rates_volatility_daily": {"move_index"},
    "marts.consumer_monthly": {"consumer_sentiment_index"},
    "marts.labor_monthly": {"challenger_cuts_count"},
    "marts.valuation_monthly": {"forward_pe_ratio"},
    "marts.global_liquidity_weekly": {"pboc_assets_number", "pboc_assets_usd_bn"},
}


def test_the_lineage_of_a_build_tells_what_is_restricted(demo_home: Path):
    with opened(Home(demo_home)) as con:
        left_out = gate(con, tables_of(con), include_restricted=False).left_out
    found: dict[str, set[str]] = {}
    for one in left_out:
        if one.what == "column":
            found.setdefault(one.table_path, set()).add(str(one.column_name))
    for path, names in RESTRICTED.items():
        assert names <= found[path], path
    assert not [name for names in found.values() for name in names if "change" in name or "zscore" in name]
    rows = {one.table_path for one in left_out if one.what == "rows"}
    assert {"marts.observations", "marts.observations_latest"} <= rows
    texts = {(one.table_path, one.column_name) for one in left_out if one.what == "figures in texts"}
    assert {("marts.regime_daily", "explain_text"), ("marts.regime_daily", "inputs_json")} <= texts


@pytest.mark.slow
def test_no_column_of_a_copy_follows_a_restricted_series(demo_home: Path, tmp_path: Path):
    """By their values, whatever the lineage says: a column in which most figures are those of one series is a copy."""
    copy_to_folder(Home(demo_home), "parquet", tmp_path)
    with duckdb.connect(str(demo_home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        con.execute(
            "create temp table held as select distinct series_id, value from marts.observations "
            "where series_id in (select series_id from marts.series where licence = 'restricted') and value % 1 <> 0"
        )
        for path in (tmp_path / "parquet").rglob("*.parquet"):
            for name, kind, *_ in con.execute(f"describe from '{path}'").fetchall():
                if kind != "DOUBLE":
                    continue
                figures = f"(select distinct {name} as value from '{path}' where {name} % 1 <> 0)"
                count = con.execute(f"select count(*) from {figures}").fetchone()[0]
                same = con.execute(
                    f"select count(*) from {figures} join held using (value) group by series_id"
                ).fetchall()
                assert count < 100 or all(one < 0.5 * count for (one,) in same), f"{path.name}.{name}"


@pytest.mark.slow
def test_a_whole_demo_in_postgres(demo_home: Path):
    with running() as server:
        told = copy_to_postgres(Home(demo_home), Target(server.dsn(), roles=("bi_reader",)), tell=print).lines
        assert "tables, " in told[0]
        with opened(Home(demo_home)) as con:
            here = con.execute("select count(*), sum(net_liquidity_usd_bn) from marts.market_daily").fetchone()
        ((rows, total),) = server.asked("select count(*), sum(net_liquidity_usd_bn) from tidegauge.market_daily")
        assert (rows, total) == (here[0], pytest.approx(here[1]))
        assert server.asked("select count(*) from tidegauge.observations where series_id = 'hy_oas'") == [(0,)]
