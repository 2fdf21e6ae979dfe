"""The parsers of treasury, new_york_fed, japan_mof, cboe and yahoo, held against bytes that publishers really sent."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ingest.catalog.models import SourceName
from ingest.errors import SourceChanged
from ingest.sources.cboe import cboe
from ingest.sources.japan_mof import japan_mof
from ingest.sources.new_york_fed import new_york_fed
from ingest.sources.treasury import treasury
from ingest.sources.yahoo import yahoo
from tests.unit.fakes import cells, pairs_of, payload_of


def parsed(module: ModuleType, source: SourceName, body: bytes, **meta: str) -> Any:
    return module.parse(payload_of(source, body, meta=meta), pairs_of(source))


def test_cash_balance_of_a_week(real_data: Path) -> None:
    body = (real_data / "treasury/dts_operating_cash_balance_2025-07-07_11.json").read_bytes()
    rows = parsed(treasury, "treasury", body, part="balance", start="2025-07-07", page="1", series="tga_daily")
    assert cells(rows, "tga_daily") == {
        date(2025, 7, 7): 332482.0,
        date(2025, 7, 8): 343047.0,
        date(2025, 7, 9): 311048.0,
        date(2025, 7, 10): 288395.0,
        date(2025, 7, 11): 282363.0,
    }


def test_par_yields_of_2000(real_data: Path) -> None:
    body = (real_data / "treasury/daily-treasury-rates_2000.csv").read_bytes()
    rows = parsed(treasury, "treasury", body, part="par_yields", year="2000")
    assert len(rows) == 4 * 251  # the last line has no line end: `wc` counts one day less
    assert cells(rows, "us_2y_yield")[date(2000, 12, 29)] == 5.11
    assert cells(rows, "us_10y_yield")[date(2000, 1, 3)] == 6.58
    assert cells(rows, "us_30y_yield")[date(2000, 1, 3)] == 6.61
    assert rows["value"].null_count() == 0


def test_sofr_of_a_week(real_data: Path) -> None:
    body = (real_data / "nyfed/sofr_search_2024-06-01_06.json").read_bytes()
    rows = parsed(new_york_fed, "new_york_fed", body, part="rates/sofr/", start="2024-06-01", end="2024-06-06")
    assert list(cells(rows, "sofr").values()) == [5.35, 5.33, 5.33, 5.33]
    assert cells(rows, "sofr_99th_percentile")[date(2024, 6, 5)] == 5.43
    assert cells(rows, "sofr_volume")[date(2024, 6, 4)] == 2092.0


def test_japanese_yields_since_1974(real_data: Path) -> None:
    body = (real_data / "mof/jgbcme_all_2026-04-30.csv").read_bytes()
    rows = parsed(japan_mof, "japan_mof", body, part="history", series="jgb_2y_yield")
    assert len(rows) == 3 * 13208
    two, ten, thirty = (cells(rows, f"jgb_{tenor}y_yield") for tenor in (2, 10, 30))
    assert (two[date(1974, 9, 24)], ten[date(1974, 9, 24)]) == (9.362, None)
    assert (two[date(2026, 4, 30)], ten[date(2026, 4, 30)], thirty[date(2026, 4, 30)]) == (1.402, 2.52, 3.721)


@pytest.mark.parametrize(
    ("file", "symbol", "series", "days", "first", "last"),
    [
        ("VIX_History_2025-05-21", "VIX", "vix_close", 8932, (date(1990, 1, 2), 17.24), (date(2025, 5, 21), 20.87)),
        (
            "VIX3M_History_2026-07-22",
            "VIX3M",
            "vix3m_close",
            4235,
            (date(2009, 9, 18), 26.54),
            (date(2026, 7, 22), 19.54),
        ),
        (
            "VIX6M_History_2026-04-24",
            "VIX6M",
            "vix6m_close",
            4607,
            (date(2008, 1, 2), 24.36),
            (date(2026, 4, 24), 23.27),
        ),
        ("VVIX_History_2026-04-24", "VVIX", "vvix_close", 5006, (date(2006, 3, 6), 71.73), (date(2026, 4, 24), 97.18)),
        (
            "SKEW_History_2026-07-22",
            "SKEW",
            "skew_close",
            9189,
            (date(1990, 1, 2), 126.09),
            (date(2026, 7, 22), 150.19),
        ),
    ],
)
def test_index_histories(
    real_data: Path, file: str, symbol: str, series: str, days: int, first: tuple[date, float], last: tuple[date, float]
) -> None:
    body = (real_data / f"cboe/{file}.csv").read_bytes()
    found = cells(parsed(cboe, "cboe", body, part="index", symbol=symbol, series=series), series)
    assert len(found) == days
    assert next(iter(found.items())) == first
    assert list(found.items())[-1] == last
    assert None not in found.values()


def test_vix_rows_on_us_holidays_stay(real_data: Path) -> None:
    body = (real_data / "cboe/VIX_History_2025-05-21.csv").read_bytes()
    found = cells(parsed(cboe, "cboe", body, part="index", symbol="VIX", series="vix_close"), "vix_close")
    assert date(2022, 5, 30) in found
    assert date(1999, 12, 31) not in found


def test_index_put_call_archive(real_data: Path) -> None:
    body = (real_data / "putcall/indexpc.csv").read_bytes()
    rows = parsed(cboe, "cboe", body, part="archive", product="index", series="put_call_index_ratio")
    ratios = cells(rows, "put_call_index_ratio")
    assert len(ratios) == 3253
    assert (ratios[date(2006, 11, 1)], ratios[date(2019, 10, 4)]) == (1.25, 1.51)
    assert cells(rows, "put_volume_index")[date(2019, 10, 4)] == 1180047.0
    assert cells(rows, "call_volume_index")[date(2019, 10, 4)] == 783827.0


def test_total_put_call_archive_saved_again_by_someone(real_data: Path) -> None:
    body = (real_data / "putcall/totalpc_to_2019-10-04.csv").read_bytes()
    rows = parsed(cboe, "cboe", body, part="archive", product="total", series="put_call_total_ratio")
    assert cells(rows, "put_call_total_ratio")[date(2019, 10, 4)] == 1.05
    assert len(rows) == 3 * 3253


def test_daily_pages_of_both_shapes(real_data: Path) -> None:
    shapes = json.loads((real_data / "cboe/daily_options_json_shape_drift.json").read_bytes())
    arrays = parsed(cboe, "cboe", json.dumps(shapes["2026-07-22"]).encode(), part="daily", session="2026-07-22")
    assert dict(zip(arrays["series_id"], arrays["value"], strict=True)) == {
        "put_call_total_ratio": 1.01,
        "put_volume_total": 6071481.0,
        "call_volume_total": 6031257.0,
    }
    older = json.dumps(shapes["older_object_shape_illustrative"]).encode()
    objects = parsed(cboe, "cboe", older, part="daily", session="2019-10-07")
    assert dict(zip(objects["series_id"], objects["value"], strict=True)) == {
        "put_call_total_ratio": 0.9,
        "put_volume_total": 200.0,
        "call_volume_total": 100.0,
    }


def test_the_real_page_of_2020_06_15(real_data: Path) -> None:
    """The statistics page carries the same JSON, escaped inside a script; the file itself is no payload of ours."""
    html = (real_data / "cboe/daily_market_statistics_2020-06-15.html").read_text()
    with pytest.raises(SourceChanged, match="got an HTML page"):
        parsed(cboe, "cboe", html.encode(), part="daily", session="2020-06-15")
    start = re.search(r'\\"optionsData\\":', html)
    assert start is not None
    document, _ = json.JSONDecoder().raw_decode(html[start.end() :].replace('\\"', '"'))
    rows = parsed(cboe, "cboe", json.dumps(document).encode(), part="daily", session="2020-06-15")
    found = dict(zip(rows["series_id"], rows["value"], strict=True))
    assert len(found) == 12
    assert (found["put_call_total_ratio"], found["put_call_equity_ratio"], found["put_call_index_ratio"]) == (
        0.88,
        0.51,
        1.22,
    )
    assert round(found["put_volume_total"] / found["call_volume_total"], 2) == 0.88


def chart(folder: Path, name: str, symbol: str) -> tuple[bytes, dict[str, str]]:
    wrapper = json.loads((folder / "yahoo" / name).read_bytes())
    body = json.dumps(wrapper["response"]["bodyJson"]).encode()
    return body, {"symbol": symbol, "start": "2020-01-01", "series": "x"}


def pair(symbol: str, unit: str, like: str) -> Any:
    """Return a catalog pair turned to a symbol that the catalog does not have."""
    series, provider = next(found for found in pairs_of("yahoo") if found[1].code == like)
    return series, provider.model_copy(update={"code": f"{symbol}/close", "unit": unit})


@pytest.mark.parametrize(
    ("name", "symbol", "first", "last", "bars"),
    [
        ("chart-AAPL-2020-08-31-to-2020-11-07.json", "AAPL", date(2020, 8, 31), date(2020, 11, 6), 49),
        ("chart-QQQ-2020-01-01-to-2020-01-03.json", "QQQ", date(2020, 1, 2), date(2020, 1, 2), 1),
        ("chart-EURUSD=X-2020-01-01-to-2020-01-03.json", "EURUSD=X", date(2020, 1, 1), date(2020, 1, 3), 3),
        (
            "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json",
            "NVDA",
            date(2021, 2, 1),
            date(2022, 1, 28),
            252,
        ),
    ],
)
def test_charts(real_data: Path, name: str, symbol: str, first: date, last: date, bars: int) -> None:
    body, meta = chart(real_data, name, symbol)
    payload = payload_of("yahoo", body, meta=meta, fetched_at=datetime(2026, 11, 17, tzinfo=UTC))
    rows = yahoo.parse(payload, [pair(symbol, "USD", "^GSPC/close")])
    assert len(rows) == bars
    assert (rows["period_date"].min(), rows["period_date"].max()) == (first, last)
    assert rows["value"].null_count() == 0


def test_a_chart_asked_for_in_another_currency(real_data: Path) -> None:
    body, meta = chart(real_data, "chart-WSKT.JK-2020-01-01-to-2020-01-03.json", "WSKT.JK")
    payload = payload_of("yahoo", body, name="WSKT.JK", meta=meta)
    with pytest.raises(SourceChanged, match=r"expected unit 'USD' in meta.currency, got 'IDR'"):
        yahoo.parse(payload, [pair("WSKT.JK", "USD", "^GSPC/close")])
    rows = yahoo.parse(payload, [pair("WSKT.JK", "IDR", "^GSPC/close")])
    assert dict(zip(rows["period_date"], rows["value"], strict=True)) == {date(2020, 1, 2): 1505.0}
