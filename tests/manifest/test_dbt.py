"""The dbt project: it parses and builds from nothing, its unit tests pass, its marts keep what the names promise."""

from __future__ import annotations

import re
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ingest.catalog import load_catalog
from ingest.catalog.calendars import nyse_sessions
from ingest.connectors import SOURCES
from ingest.dataset import TABLES
from orchestration.dbt_meta import presentation
from tests.manifest.conftest import DBT_PROJECT
from warehouse.latest import NEWEST_FIRST

MARTS = {path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql")}
FORMULAS = MARTS - {"observations", "observations_latest", "series"}  # the rest is copied
UNITLESS = (
    "observations.value",
    "observations_latest.value",
    "public_proxies_daily.value",
    "short_interest_semimonthly.days_to_cover",
)
"""Names that the field has, and figures whose unit stands beside them."""
UNIT = re.compile(
    r".*(_usd_bn|_usd_mn|_usd|_pct|_bp|_ratio|_zscore|_index|_count|_shares|_contracts|_days|_rate|_rank|_percentile|_seq|_status"
    r"|_number|_year)$"
)


def models(manifest: Any, *schemas: str) -> list[Any]:
    found = [n for n in manifest.nodes.values() if n.resource_type == "model" and n.schema in schemas]
    assert found
    return found


def data_tests(manifest: Any) -> list[tuple[Any, str, dict[str, Any]]]:
    """Return each data test with its kind ("" for a file of its own) and its arguments."""
    found = [node for node in manifest.nodes.values() if node.resource_type == "test"]
    kinds = [getattr(node, "test_metadata", None) for node in found]
    pairs = zip(found, kinds, strict=True)
    return [(node, kind.name if kind else "", kind.kwargs if kind else {}) for node, kind in pairs]


@pytest.fixture(scope="module")
def built(dbt, empty_warehouse: Path) -> Any:
    """dbt's results of building an empty warehouse, data tests included."""
    return dbt(empty_warehouse, "build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure")


def test_every_model_lives_in_the_schema_of_its_folder(manifest):
    assert {node.name for node in models(manifest, "marts")} == MARTS
    assert {node.name for node in models(manifest, "meta")} == {"freshness", "payloads", "sources"}


def test_an_empty_warehouse_builds_and_passes_its_own_checks(built):
    bad = [(result.node.name, result.message) for result in built if result.status not in ("success", "pass", "warn")]
    assert not bad


def test_a_seed_that_gained_a_column_replaces_the_table_of_an_older_release(dbt, empty_warehouse: Path, built):
    with duckdb.connect(str(empty_warehouse)) as con:
        con.execute("alter table seeds.government_shutdowns drop column effect_known_date")
    assert set(statuses(dbt(empty_warehouse, "seed", "--select", "government_shutdowns")).values()) == {"success"}
    with duckdb.connect(str(empty_warehouse)) as con:
        rows = con.execute("select count(effect_known_date), count(*) from seeds.government_shutdowns").fetchone()
    assert rows is not None
    assert 0 < rows[0] <= rows[1]


def test_unit_tests_pass(dbt, empty_warehouse: Path, built):
    results = dbt(empty_warehouse, "test", "--select", "test_type:unit")
    failed = [(result.node.name, result.message) for result in results if result.status != "pass"]
    assert not failed
    assert len(list(results)) >= 23


def test_every_formula_has_a_unit_test(manifest):
    tested = {unit_test.model for unit_test in manifest.unit_tests.values()}
    assert tested >= FORMULAS, FORMULAS - tested
    assert {"int_known", "int_observations_latest", "freshness"} <= tested


def test_the_order_of_vintages_is_the_warehouses():
    macros = (DBT_PROJECT / "macros" / "newest.sql").read_text(encoding="utf-8").replace("{{ of }}", "")
    assert NEWEST_FIRST in macros
    assert NEWEST_FIRST.replace(" desc", "") in macros


def test_no_entry_of_a_yml_file_stands_twice():
    """The last one would win without a word."""
    twice = []
    for path in sorted((DBT_PROJECT / "models").rglob("*.yml")):
        waiting = [yaml.compose(path.read_text(encoding="utf-8"))]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.MappingNode):
                keys = [key.value for key, _ in node.value]
                twice += [f"{path.name}: {key}" for key in set(keys) if keys.count(key) > 1]
                waiting += [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                waiting += node.value
    assert not twice


def test_marts_have_contracts_descriptions_and_a_key(manifest):
    keyed = {node.attached_node for node, kind, _ in data_tests(manifest) if kind == "unique_key"}
    for node in models(manifest, "marts", "meta"):
        assert node.contract.enforced, node.name
        assert "One row per" in " ".join(node.description.split()), f"{node.name}: the description ends with its grain"
        assert "Source" in node.description or "source" in node.description, f"{node.name}: names no source"
        assert node.unique_id in keyed, f"{node.name} has no unique_key test"
        for column in node.columns.values():
            assert column.description, f"{node.name}.{column.name}"
            assert column.data_type in ("date", "timestamp", "double", "bigint", "varchar", "boolean"), column.name


def test_names_of_columns_say_unit_and_kind(manifest):
    for node in models(manifest, "marts", "meta"):
        for column in node.columns.values():
            where = f"{node.name}.{column.name}"
            kind = column.data_type
            if kind in ("double", "bigint") and where not in UNITLESS:
                assert UNIT.match(column.name), f"{where} is a number without a unit in its name"
            assert (kind == "boolean") == column.name.startswith(("is_", "has_")), where
            assert (kind == "date") == column.name.endswith("_date"), where
            assert (kind == "timestamp") == column.name.endswith("_at"), where


def test_the_page_of_names_explains_every_unit():
    explained = set(re.findall(r"`(_\w+)`", (DBT_PROJECT.parent / "docs" / "names.md").read_text(encoding="utf-8")))
    assert explained >= set(re.findall(r"_\w+", UNIT.pattern))


def test_comments_reach_the_file(built, empty_warehouse: Path):
    with duckdb.connect(str(empty_warehouse)) as con:
        without = con.execute(
            "select table_name, column_name from duckdb_columns()"
            " where schema_name in ('marts', 'meta') and comment is null and not internal"
        ).fetchall()
        relations = con.execute(
            "select count(*) from (select schema_name, comment from duckdb_tables()"
            " union all select schema_name, comment from duckdb_views())"
            " where schema_name in ('marts', 'meta') and comment is not null"
        ).fetchone()
    assert not without
    assert relations == (len(MARTS) + 3,)


def test_every_test_declares_its_severity_and_every_tolerance_its_reason(manifest):
    for node, kind, arguments in data_tests(manifest):
        severity = node.config.severity.lower()
        assert severity in ("error", "warn"), node.name
        if kind and (kind == "values_in_range" or severity == "warn"):
            assert arguments.get("reason"), f"{node.name}: a bound, and a warning that is none, say why"


def test_every_publisher_of_series_is_staged(manifest):
    staged = next(node for node in models(manifest, "staging") if node.name == "stg_observations")
    read = {name.split(".")[-2] for name in staged.depends_on.nodes if name.endswith(".observations")}
    assert read == set(SOURCES)


def test_every_panel_table_is_staged(manifest):
    staged = {source for node in models(manifest, "staging") for source in node.depends_on.nodes}
    read = {tuple(name.split(".")[-2:]) for name in staged}
    served = {
        (table.source, table.name)
        for table in TABLES
        if table.serves is not None and table.serves.concept != "symbols" and not table.is_in_daily_files
    }
    assert served <= read, "symbols: read by the wide universe alone; daily files: by analytics, file by file"


def test_series_that_marts_name_are_in_the_catalog_in_that_unit():
    catalog = {series.id: series for series in load_catalog().series}
    text = "".join(path.read_text() for path in sorted((DBT_PROJECT / "models" / "marts").rglob("*.sql")))
    known = re.findall(r"^    \('(\w+)', '\w+', '(\w+)'\),$", text, re.M)
    assert len(known) > 40
    assert [(series_id, catalog[series_id].unit) for series_id, _ in known] == known
    named = re.findall(r"'(\w+)': '\w+'", text) + re.findall(r"carried\(.*, '(\w+)'", text)
    named += re.findall(r"series_id = '(\w+)'", text)
    for group in re.findall(r"series_id in \(([^)]+)\)", text):
        named += re.findall(r"'(\w+)'", group)
    assert len(set(named)) > 40
    assert set(named) <= catalog.keys(), set(named) - catalog.keys()


@pytest.fixture
def warehouse(empty_warehouse: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "warehouse.duckdb"
    shutil.copy(empty_warehouse, copy)
    return copy


def insert(path: Path, source: str, series_id: str, unit: str, values: dict[date, float]) -> None:
    with duckdb.connect(str(path)) as con:
        for period, value in values.items():
            con.execute(
                f"insert into {source}.observations values (?, 'code', ?, ?, ?, ?, 'release_rule', ?, 'sha', ?, 'run')",
                [series_id, period, value, unit, datetime(2026, 2, 1), source, datetime(2026, 2, 6)],
            )


def statuses(results: Any) -> dict[str, str]:
    return {result.node.name: str(result.status) for result in results}


def test_a_value_on_which_publishers_differ_is_in_no_mart(dbt, warehouse: Path):
    """Known of both at the cut-off of Thursday's session; Friday's is undisputed."""
    disputed, agreed = date(2026, 1, 29), date(2026, 1, 30)
    insert(warehouse, "cboe", "vix_close", "Index", {disputed: 20.37, agreed: 17.36})
    insert(warehouse, "fred", "vix_close", "Index", {disputed: 17.76, agreed: 17.36})
    with duckdb.connect(str(warehouse)) as con:
        con.execute("update cboe.observations set known_at = period_date + interval 26 hour")
        con.execute("update fred.observations set known_at = period_date + interval 37 hour")
    select = ("build", "--exclude-resource-type", "unit_test", "--select", "+volatility_daily", "+market_known_daily")
    seen = statuses(dbt(warehouse, *select, "observations"))
    assert seen["publishers_agree"] == "warn"
    assert set(seen.values()) <= {"success", "pass", "warn"}
    with duckdb.connect(str(warehouse)) as con:
        closes = "select session_date, vix_index from marts.volatility_daily where session_date >= ? order by 1 limit 2"
        assert con.execute(closes, [disputed]).fetchall() == [(disputed, None), (agreed, 17.36)]
        known = con.execute(
            "select vix_index, vix_obs_date, unknown_reasons from marts.market_known_daily where session_date = ?",
            [disputed],
        ).fetchone()
        kept = con.execute("select value from marts.observations where period_date = ? order by 1", [disputed])
        assert kept.fetchall() == [(17.76,), (20.37,)]
    assert known is not None
    assert known[:2] == (None, disputed)
    assert "vix_close: providers differ on 2026-01-29" in known[2]


def test_an_unknown_unit_stops_the_marts(dbt, warehouse: Path):
    insert(warehouse, "fred", "fed_total_assets", "Trillions of U.S. Dollars", {date(2026, 1, 28): 6.587})
    seen = statuses(
        dbt(warehouse, "build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure")
    )
    assert seen["every_published_unit_has_a_factor"] == "fail"
    assert seen["net_liquidity_weekly"] == "skipped"


def test_reverse_repo_in_another_unit_is_an_error_and_a_single_difference_is_not(dbt, warehouse: Path):
    days = [date(2026, 1, n) for n in range(1, 26)]
    billions = "Billions of US Dollars"
    insert(warehouse, "new_york_fed", "on_rrp", "USD", {day: 2.414e9 for day in days})
    insert(warehouse, "fred", "on_rrp", billions, {day: 2.416 if day == days[0] else 2.414 for day in days})
    select = ("build", "--exclude-resource-type", "unit_test", "--select", "+int_observations")
    assert statuses(dbt(warehouse, *select))["on_rrp_new_york_fed_equals_fred"] == "warn"
    with duckdb.connect(str(warehouse)) as con:
        con.execute("update fred.observations set value = value * 1000 where series_id = 'on_rrp'")
    assert statuses(dbt(warehouse, *select))["on_rrp_new_york_fed_equals_fred"] == "fail"


def test_rows_of_other_days_are_observations_and_nothing_else(dbt, warehouse: Path):
    """A month end on a Saturday, a stale price on a holiday of the series' own publisher; weeks count as dated."""
    insert(warehouse, "fred", "hy_oas", "Percent", {date(2026, 1, 30): 2.81, date(2026, 1, 31): 2.83})
    insert(warehouse, "fred", "vix_close", "Index", {date(2026, 1, 16): 15.9, date(2026, 1, 19): 18.8})
    insert(warehouse, "fred", "effr", "Percent", {date(2025, 10, 13): 4.1, date(2025, 10, 14): 4.1})
    insert(warehouse, "japan_mof", "jgb_10y_yield", "%", {date(2026, 1, 12): 2.1, date(2026, 1, 19): 2.2})
    insert(warehouse, "fred", "fed_total_assets", "Millions of U.S. Dollars", {date(2025, 12, 24): 6.5e6})
    insert(warehouse, "fred", "initial_claims", "Number", {date(2026, 1, 24): 209000.0})
    insert(warehouse, "fred", "unrate", "Percent", {date(2025, 11, 1): 4.5})
    left_out = ("unit_test", "test", "exposure")
    tables = ("build", *(word for kind in left_out for word in ("--exclude-resource-type", kind)))
    assert set(statuses(dbt(warehouse, *tables)).values()) == {"success"}
    with duckdb.connect(str(warehouse)) as con:
        strays = con.execute(
            "select series_id, period_date from marts.observations where not is_own_day order by all"
        ).fetchall()
        assert strays == [
            ("effr", date(2025, 10, 13)),  # Columbus day: a session, but no day of the Reserve Banks
            ("hy_oas", date(2026, 1, 31)),
            ("jgb_10y_yield", date(2026, 1, 12)),  # Coming of Age day
            ("vix_close", date(2026, 1, 19)),  # Martin Luther King day
        ]
        assert con.execute("select count(*) from marts.observations where is_own_day").fetchone() == (7,)
        for relation in ("int_observations", "int_observations_latest"):  # what the marts and the regimes read
            held = con.execute(f"select series_id, period_date from intermediate.{relation}").fetchall()
            assert len(held) == 7, relation
            assert not set(held) & set(strays), relation
        # the value known on the Monday is Friday's, in the wide row and in the long one
        known = con.execute(
            "select hy_oas_bp, hy_oas_obs_date from marts.market_known_daily where session_date = '2026-02-03'"
        ).fetchall()
        assert known == [(281.0, date(2026, 1, 30))]
        assert con.execute(
            "select last_period_date, periods_count from marts.series where series_id = 'hy_oas'"
        ).fetchall() == [(date(2026, 1, 30), 1)]


@pytest.mark.parametrize(("nav", "status"), [(90.5, "pass"), (89.0, "warn"), (111.0, "warn"), (109.5, "pass")])
def test_a_net_asset_value_far_from_the_close_is_told(dbt, warehouse: Path, nav: float, status: str):
    """The median of a month: one wild day says nothing."""
    days = nyse_sessions(date(2026, 1, 2), date(2026, 1, 30))["session_date"].to_list()
    with duckdb.connect(str(warehouse)) as con:
        told = {
            "provider": "p",
            "known_basis": "release_rule",
            "payload_sha256": "sha",
            "loaded_at": datetime(2026, 2, 6),
        }
        for day in days:
            both = {**told, "ticker": "IVE", "known_at": datetime(2026, 2, 1), "run_id": "run"}
            fund = {
                **both,
                "report_date": day,
                "nav_usd": 300.0 if day == days[-1] else nav,
                "shares_outstanding_count": 1e6,
            }
            add(con, "ishares.fund_days", fund)
            add(con, "yahoo.prices", {**both, "session_date": day, "close_usd": 100.0})
    select = ("build", "--exclude-resource-type", "unit_test", "--select", "+stg_fund_days", "+prices_daily")
    assert statuses(dbt(warehouse, *select))["etf_nav_is_near_close"] == status


def add(con: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join(f"${name}" for name in row)
    con.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", row)


def test_the_marts_declare_readings_and_charts_that_can_be_shown(manifest):
    found = presentation(manifest.to_dict(omit_none=False))
    known = {series.id for series in load_catalog().series}
    for placed in found.readings:
        reading = placed.reading
        named = {*reading.series, reading.observation, reading.published_series} - {None}
        assert named <= known, reading.label
        assert placed.group, f"{placed.mart} declares a reading and no group"
    assert [placed.reading.label for placed in found.readings][:2] == ["Net liquidity", "Fed total assets"]
    assert found.charts[0].chart.title == "Net liquidity and the S&P 500"
    assert all(placed.group for placed in found.charts), "every chart stands in a group"
