"""ICI's weekly file of mutual funds and exchange-traded funds: the layout of the other one, on its own sheet."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from ingest.errors import SourceChanged
from ingest.sources.ici import ici, ici_combined
from tests.unit.fakes import NOON, FakeHttp, context_of, payload_of
from tests.unit.fund_files import has_schema_of, xls
from tests.unit.test_ici import GROUPS, LABELS

WEEK = ["11/04/2026", 3100, -2000, -1500, -500, 100, 5000, 4000, 1000, 0]


def parse(sheet: str = ici_combined.SHEET, week: list[object] = WEEK, scale: str = "Millions of dollars"):
    body = xls([["Estimated flows"], [scale], GROUPS, LABELS, week], sheet)
    return ici_combined.parse(payload_of("ici_combined", body, meta={"part": "weekly", "year": "2026"}))


def test_bond_funds_and_etfs_of_a_week() -> None:
    rows = parse()[ici_combined.TABLE]
    assert has_schema_of(rows, ici_combined.TABLE)
    bond = rows.filter(pl.col("category") == "bond")
    assert bond.select("week_end_date", "flow_usd_mn").rows() == [(date(2026, 11, 4), 5000.0)]
    window = ici_combined.windows(payload_of("ici_combined", b"", meta={"year": "2026"}), parse())[0]
    assert (window.start, window.end, window.table_id) == (date(2026, 11, 4), date(2026, 12, 31), ici_combined.TABLE)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sheet": ici.SHEET}, "a sheet 'Weekly MF & ETF Public Report'"),
        ({"scale": "Billions of dollars"}, "millions of dollars"),
        ({"week": ["11/04/2026", 3100, -2000, -1500, -500, 100, 900, 4000, 1000, 0]}, "to add up to"),
    ],
)
def test_anything_else_is_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(SourceChanged, match=said):
        parse(**fields)


def test_each_year_is_asked_at_its_own_address() -> None:
    http = FakeHttp({"https://www.ici.org/combined_flows_data_": b"xls"}, NOON)
    names = [one.name for one in ici_combined.fetch(context_of("ici_combined", http, []))]
    assert http.asked[-1] == "https://www.ici.org/combined_flows_data_2026.xls"
    assert names[-1] == "combined flows 2026"
