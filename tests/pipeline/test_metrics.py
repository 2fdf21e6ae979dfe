"""Metrics are what the marts say: the SQL that MetricFlow writes for one, run over the demo's published file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration import dbt_state
from orchestration.dbt_parsed import ensure_manifest

WRITTEN = "semantic_manifest.json"
WAITING = {
    "policy_path_daily_next_meeting_change_bp_kalshi": "from warehouse.marts.policy_path_daily where source = 'kalshi'"
}
"""What a demo may have no row of, by metric: a book taken between a cut-off and the close that follows is of a session
that is still to come."""


class Client:
    """What MetricFlow asks of a database before it writes SQL; nothing is run."""

    def __init__(self) -> None:
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

        self.sql_engine_type = SqlEngine.DUCKDB
        self.sql_plan_renderer = DuckDbSqlPlanRenderer()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What dbt wrote of the metrics; not below a home that a run of another test has used."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dbt_state, "_root", None)
        patched.setenv("TIDEGAUGE_HOME", str(tmp_path_factory.mktemp("metrics") / "none"))
        return ensure_manifest().with_name(WRITTEN).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def engine(written: str):
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    return MetricFlowEngine(SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(written)), Client())


@pytest.fixture(scope="module")
def con(demo_home: Path):
    """The published file under the name that dbt knows the build file by."""
    with duckdb.connect() as made:
        made.execute(f"attach '{demo_home / 'published' / 'tidegauge.duckdb'}' as warehouse (read_only)")
        yield made


def asked(engine, *metrics: str, by: str) -> str:
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    request = MetricFlowQueryRequest.create(metric_names=[*metrics], group_by_names=[by], order_by_names=[by])
    return engine.explain(request).sql_statement.sql


def test_a_metric_by_day_is_the_mart(engine, con):
    sql = asked(engine, "net_liquidity_usd_bn", "above_200dma_pct", by="metric_time__day")
    metric = con.execute(f"select * from ({sql}) where net_liquidity_usd_bn is not null").fetchall()
    mart = con.execute("""
        select n.session_date, net_liquidity_usd_bn, above_200dma_pct
        from warehouse.marts.net_liquidity_daily as n
        left join warehouse.marts.breadth_daily as b on b.session_date = n.session_date and universe = 'SPX'
        where net_liquidity_usd_bn is not null order by 1
    """).fetchall()
    assert len(mart) > 1000
    assert metric == [(datetime.combine(day, datetime.min.time()), *values) for day, *values in mart]


def test_a_metric_by_month_is_the_mean_of_its_days(engine, con):
    metric = con.execute(asked(engine, "net_liquidity_usd_bn", by="metric_time__month")).fetchall()
    mart = con.execute("""
        select date_trunc('month', session_date), avg(net_liquidity_usd_bn)
        from warehouse.marts.net_liquidity_daily group by 1 order by 1
    """).fetchall()
    assert [value for _, value in metric] == pytest.approx([value for _, value in mart], nan_ok=True)


def test_every_metric_can_be_asked(engine, con, written):
    names = [metric["name"] for metric in json.loads(written)["metrics"]]
    assert len(names) > 25
    assert WAITING.keys() <= set(names)
    for name in names:
        found = con.execute(f"select count({name}) from ({asked(engine, name, by='metric_time__day')})").fetchone()[0]
        assert found or (name in WAITING and not con.execute(WAITING[name]).fetchall()), name
