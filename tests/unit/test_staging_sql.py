"""How staging turns published values into the unit of the marts, in SQL."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import jinja2
import pytest

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"


RAW = """
    ('tga_week_average', date '2024-06-26', 765417, 'Millions of U.S. Dollars'),
    ('tga_week_average', date '2024-07-03', 765.417, 'Trillions'),
    ('on_rrp', date '2026-02-04', 2.414, 'Billions of US Dollars'),
    ('on_rrp', date '2026-02-07', 0, 'Billions of US Dollars'),
    ('on_rrp', date '2026-02-08', null, 'Billions of US Dollars'),
    ('hy_oas', date '2026-02-28', 2.87, 'Percent'),
    ('dropped_series', date '2026-02-28', 1, 'Percent')
"""


def rendered(call: str) -> str:
    """Return a call of a macro as SQL."""
    text = (MACROS / "observations.sql").read_text(encoding="utf-8") + call
    return jinja2.Environment(autoescape=False).from_string(text).render()


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        f"""
        create table raw as select *, 'X' as code, now() as known_at, 'release_rule' as known_basis,
            'fred' as provider, 'aa' as payload_sha256, now() as loaded_at
            from (values {RAW}) as v(series_id, period_date, value, unit);
        create table series as from (values ('tga_week_average', 'usd_bn', 'public_domain'),
            ('on_rrp', 'usd_bn', 'attribution'), ('hy_oas', 'bp', 'restricted')) as v(series_id, unit, licence);
        create table providers as from (values ('tga_week_average', 'fred', 2), ('on_rrp', 'fred', 2),
            ('hy_oas', 'fred', 1), ('hy_oas', 'user_file', 2)) as v(series_id, provider, provider_rank);
        create table units as from (values ('Millions of U.S. Dollars', 'usd_bn', 0.001),
            ('Billions of US Dollars', 'usd_bn', 1.0), ('Percent', 'pct', 1.0), ('Percent', 'bp', 100.0))
            as v(unit_published, unit, factor);
        """
    )
    return con


def test_units_convert_once_and_unknown_ones_leave_no_factor(con: duckdb.DuckDBPyConnection):
    text = rendered("{{ stage_observations('raw', 'series', 'providers', 'units') }}")
    columns = "series_id, period_date, value::double, unit, factor::double, provider_rank, licence"
    rows = con.execute(f"select {columns} from ({text}) order by all").fetchall()
    assert rows == [
        ("hy_oas", date(2026, 2, 28), 287.0, "bp", 100.0, 1, "restricted"),
        ("on_rrp", date(2026, 2, 4), 2.414, "usd_bn", 1.0, 2, "attribution"),
        ("on_rrp", date(2026, 2, 7), 0.0, "usd_bn", 1.0, 2, "attribution"),
        ("on_rrp", date(2026, 2, 8), None, "usd_bn", 1.0, 2, "attribution"),
        ("tga_week_average", date(2024, 6, 26), 765.417, "usd_bn", 0.001, 2, "public_domain"),
        ("tga_week_average", date(2024, 7, 3), None, "usd_bn", None, 2, "public_domain"),
    ]


@pytest.mark.parametrize(
    ("frequency", "ends"),
    [("daily", date(2024, 4, 1)), ("weekly", date(2024, 4, 1)), ("monthly", date(2024, 4, 30)),
     ("quarterly", date(2024, 6, 30)), ("annual", date(2025, 3, 31))],
)  # fmt: skip
def test_periods_end_as_the_catalog_has_them(con: duckdb.DuckDBPyConnection, frequency: str, ends: date):
    text = rendered("{{ period_end(\"'" + frequency + "'\", \"date '2024-04-01'\") }}")
    found = con.execute(f"select ({text})::date").fetchone()
    assert found == (ends,)
