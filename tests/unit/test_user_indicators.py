"""What only a user's file brings: each row of the register that needs one has a series, and no proxy has its name."""

from __future__ import annotations

import re
from pathlib import Path

from ingest.catalog import load_catalog

MACRO = Path(__file__).parents[2] / "dbt_project" / "macros" / "proxies.sql"
NEEDED = {
    *(
        "BR-10",
        "CR-05",
        "CR-06",
        "CR-10",
        "CTA-01",
        "FLO-06",
        "FLO-08",
        "FLO-09",
        "FLO-10",
        "LAB-05",
        "LAB-08",
        "LIQ-14",
    ),
    *("POS-01", "POS-02", "POS-06", "SEN-08", "SEN-10", "VAL-02"),
}
SCOPED = {
    "client_flow_usd_mn",
    "cta_flow_usd_bn",
    "earnings_surprise_pct",
    "prime_book_sector_zscore",
    "sp_bankruptcies_count",
}


def own() -> dict[str, set[str]]:
    series = [one for one in load_catalog().series if not one.published_by]
    return {one.id: set((one.register_id or "").split(", ")) for one in series}


def test_every_row_that_needs_a_file_has_a_series() -> None:
    assert set().union(*own().values()) >= NEEDED
    assert {one.id for one in load_catalog().series if one.scope} == SCOPED
    assert all(load_catalog().by_id(name).licence == "restricted" for name in own() if name != "challenger_cuts")


def test_a_proxy_stands_for_a_series_and_has_another_name() -> None:
    told = re.findall(r"'(\w+)': \{'unit': '\w+', 'stands_for': '([\w, ]+)'\}", MACRO.read_text(encoding="utf-8"))
    assert len(told) == 9
    for proxy, stands_for in told:
        assert proxy not in {one.id for one in load_catalog().series} - {"ig_oas"}
        assert all(name in own() or name == "social_media_crash_talk" for name in stands_for.split(", "))
