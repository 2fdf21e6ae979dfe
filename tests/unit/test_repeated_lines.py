"""What publishers do to lines: print one twice, move the header or a footnote, cut the last, change a date's form."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.dataset import observations
from ingest.errors import SourceChanged
from ingest.readers.days import written_day
from ingest.rules.doubles import dataset_key, one_row_each
from ingest.sources.cboe import cboe
from ingest.sources.fred import fred
from ingest.sources.japan_mof import japan_mof
from ingest.sources.nasdaq import nasdaq
from ingest.sources.new_york_fed import new_york_fed
from ingest.sources.ofr import ofr
from ingest.sources.treasury import treasury
from ingest.sources.yahoo import yahoo, yahoo_prices
from tests.unit.fakes import cells, pairs_of, payload_of
from tests.unit.yahoo_server import EVENING, NEW_YORK, chart, new_york, stamp

MOF_HEAD = "Interest Rate,,,(Unit : %)\r\nDate,2Y,10Y,30Y\r\n"
MOF_META = {"part": "current", "history_last": "2026-10-30", "series": "jgb_2y_yield,jgb_10y_yield,jgb_30y_yield"}
NOTE = "※1 半年複利金利\r\n"
LAST = date(2026, 11, 17)


def mof(text: str) -> dict[date, float | None]:
    payload = payload_of("japan_mof", text.encode("cp932"), name="JGB yields", meta=MOF_META)
    return cells(japan_mof.parse(payload, pairs_of("japan_mof")), "jgb_2y_yield")


def refused(read: Callable[[], Any]) -> str:
    with pytest.raises(SourceChanged) as caught:
        read()
    return str(caught.value)


# ---- the Japanese file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2026/11/2",
        "2026/11/02",
        "2026-11-02",
        "2026.11.2",
        "20261102",
        "2026/11/2 0:00",
        "R8.11.2",
        "2026-11-02T00:00:00",
    ],
)
def test_a_date_with_one_meaning_is_read(written: str) -> None:
    assert mof(f"{MOF_HEAD}{written},1.5,2.5,3.5\r\n") == {date(2026, 11, 2): 1.5}


@pytest.mark.parametrize("written", ["2/11/2026", "11/2/2026", "02.11.2026", "X8.11.2", "?", "", "Mon 2"])
@pytest.mark.parametrize("figures", ["1.5,2.5,3.5", "1.5,-,-", "-,-,-", "1.5"])
def test_figures_behind_any_other_cell_are_named(written: str, figures: str) -> None:
    message = refused(lambda: mof(f"{MOF_HEAD}2026/11/4,1,2,3\r\n{written},{figures}\r\n{NOTE}"))
    assert f"expected a date in front of figures, got '{written},{figures}'" in message


def test_the_order_of_lines_does_not_matter() -> None:
    title, header, *_ = MOF_HEAD.split("\r\n")
    days = ["2026/11/2,1,2,3", "2026/11/4,4,5,6", "2026/11/5,7,8,9"]
    expected = {date(2026, 11, 2): 1.0, date(2026, 11, 4): 4.0, date(2026, 11, 5): 7.0}
    for lines in (
        [title, header, *days, NOTE.strip()],
        [title, header, days[0], NOTE.strip(), *days[1:]],
        [NOTE.strip(), days[2], title, days[1], header, days[0], header],
        [title, header, *days, days[0], days[2]],
    ):
        assert mof("\r\n".join([*lines, ""])) == expected


def test_a_cut_last_line_is_named_and_a_footnote_without_end_is_none() -> None:
    assert mof(f"{MOF_HEAD}2026/11/2,1,2,3\r\n{NOTE.strip()}") == {date(2026, 11, 2): 1.0}
    assert "a last line with its end" in refused(lambda: mof(f"{MOF_HEAD}2026/11/2,1,2,3.2"))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        *((text, date(2026, 11, 2)) for text in ("Nov 2, 2026", "November 02, 2026", "02-Nov-2026", "2 NOV 2026")),
        ("2 November 2026", date(2026, 11, 2)),
        ("Sep 30, 2026", date(2026, 9, 30)),
        ("H31.4.30", date(2019, 4, 30)),
    ],
)
def test_other_forms_with_one_meaning(text: str, day: date) -> None:
    assert written_day(text) == day


@pytest.mark.parametrize("text", ["11/02/26", "2/11/2026", "0026-11-02", "2026-11", "202611", "Nov 2026", "26-11-02"])
def test_forms_with_two_meanings_or_none(text: str) -> None:
    assert written_day(text) is None


@pytest.mark.parametrize("text", ["2 Nov 0026", "Not 2, 2026", "2 Nove 2026", "2-Nov 2026", "Total"])
def test_texts_that_only_look_like_a_month_by_name(text: str) -> None:
    assert written_day(text) is None


@pytest.mark.parametrize("text", ["2026-02-30", "20260230", "30-Feb-2026", "Feb 30, 2026", "31 June 2026", "R8.2.30"])
def test_a_day_that_does_not_exist_is_no_other_text(text: str) -> None:
    with pytest.raises(ValueError, match="day is out of range for month"):
        written_day(text)


def test_a_line_of_a_day_that_does_not_exist_says_so() -> None:
    lines = "2026-11-16,1.4,1.7,2.9\r\n30-Feb-2026,1.4,1.7,2.9\r\n"
    assert "expected dates that exist, got '30-Feb-2026'" in refused(lambda: mof(MOF_HEAD + lines))


# ---- other texts ---------------------------------------------------------------------------------------------------


def vvix(*lines: str, end: str = "\n") -> dict[date, float | None]:
    meta = {"part": "index", "symbol": "VVIX", "series": "vvix_close"}
    payload = payload_of("cboe", "\n".join(lines) + end, name="VVIX history", meta=meta)
    return cells(cboe.parse(payload, pairs_of("cboe", "VVIX")), "vvix_close")


def test_an_index_line_that_stands_twice_counts_once_wherever_the_header_stands() -> None:
    expected = {date(2026, 11, 16): 90.0, LAST: 91.0}
    first, second = "11/16/2026,90", "11/17/2026,91"
    assert vvix("DATE,VVIX", first, second, second) == expected
    assert vvix("DATE,VVIX", first, "DATE,VVIX", second) == expected
    assert vvix("Delayed quotes", second, "DATE,VVIX", first) == expected
    assert "a last line with its end" in refused(lambda: vvix("DATE,VVIX", first, "11/17/2026,9", end=""))
    assert "each column once, got 'VVIX' twice" in refused(lambda: vvix("DATE,VVIX,VVIX", first + ",9"))
    assert "notes above the header" in refused(lambda: vvix("11/16/2026", "90,11/17/2026,1", "DATE,VVIX", second))


def test_a_csv_without_a_last_line_end_is_refused_where_the_publisher_ends_its_lines() -> None:
    pair = pairs_of("fred")[0]
    meta = {"kind": "csv", "series": pair[0].id}
    body = f"observation_date,{pair[1].code}\n2026-11-04,12345"
    assert "a last line with its end" in refused(lambda: fred.parse(payload_of("fred", body, meta=meta), [pair]))
    text = ",".join(ofr.HEADER) + "\n2026-11-16," + ",".join(["0.25"] * 9)
    series = {"series": "ofr_fsi"}
    assert "a last line" in refused(lambda: ofr.parse(payload_of("ofr", text, meta=series), pairs_of("ofr")))


def par_yields(text: str) -> pl.DataFrame:
    meta = {"part": "par_yields", "year": "2026", "series": "ust_10y_yield"}
    return treasury.parse(payload_of("treasury", text, name="par yields 2026", meta=meta), pairs_of("treasury"))


def test_the_treasury_ends_its_file_bare_and_a_cell_cut_short_shows_all_the_same() -> None:
    body = 'Date,"2 Yr","10 Yr"\n11/17/2026,3.50,4.10\n11/16/2026,3.50,4.15\n11/13/2026,3.55,4.20'
    assert not par_yields(body).is_empty()
    for cut in range(1, 4):
        assert "2 decimals in the last cell, as above it" in refused(lambda cut=cut: par_yields(body[:-cut]))
    assert "3 cells in each line" in refused(lambda: par_yields(body[:-6]))
    assert par_yields(body + "\n11/13/2026,3.55,4.20").height == par_yields(body).height


def test_records_that_stand_twice_count_once() -> None:
    rate = {
        "effectiveDate": "2026-11-16", "type": "SOFR", "percentRate": 3.9, "volumeInBillions": 2000,
        "revisionIndicator": "",
    }  # fmt: skip
    empty = {**rate, "percentRate": "NA", "volumeInBillions": "NA"}
    meta = {"part": "rates/sofr/", "start": "2026-11-16", "end": "2026-11-16", "series": "sofr"}

    def sofr(*rates: dict[str, Any]) -> dict[date, float | None]:
        payload = payload_of("new_york_fed", json.dumps({"refRates": rates}), name="SOFR", meta=meta)
        return cells(new_york_fed.parse(payload, pairs_of("new_york_fed", "rates/sofr/percentRate")), "sofr")

    for rates in ([rate, rate], [rate, empty], [empty, rate]):
        assert sofr(*rates) == {date(2026, 11, 16): 3.9}
    assert "two rates of 2026-11-16: '3.9' and '3.8'" in refused(lambda: sofr(rate, {**rate, "percentRate": 3.8}))


def test_an_operation_that_stands_twice_is_one() -> None:
    operation = {
        "operationDate": "2026-11-16", "auctionStatus": "Results", "term": "Overnight",
        "operationType": "Reverse Repo", "totalAmtAccepted": 5_000_000_000, "note": "",
    }  # fmt: skip
    meta = {"part": "rp/", "start": "2026-11-16", "end": "2026-11-16", "series": "rrp"}
    pairs = pairs_of("new_york_fed", "rp/")
    for operations, total in (([operation] * 2, 5e9), ([operation, {**operation, "totalAmtAccepted": 1e9}], 6e9)):
        body = json.dumps({"repo": {"operations": operations}})
        rows = new_york_fed.parse(payload_of("new_york_fed", body, name="rp", meta=meta), pairs)
        assert rows["value"].to_list() == [total]


# ---- bars ----------------------------------------------------------------------------------------------------------


def bars(second: float | None, at: str = "16:00", **cells_of: list[Any]) -> dict[str, Any]:
    stamps = [*new_york("2026-11-16", "2026-11-17"), stamp("2026-11-17", NEW_YORK, at)]
    document = chart("AAA", stamps, [100.0, 105.4, second], regularMarketTime=stamps[1], firstTradeDate=stamps[0])
    document["chart"]["result"][0]["indicators"]["quote"][0] |= cells_of
    return document


def stock(document: dict[str, Any]) -> dict[str, list[Any]]:
    meta = {"symbol": "AAA", "start": "2026-11-16"}
    payload = payload_of("yahoo", json.dumps(document), name="AAA", fetched_at=EVENING, meta=meta)
    return yahoo_prices.parse(payload)["yahoo.prices"].to_dict(as_series=False)


@pytest.mark.parametrize("second", [None, 105.4])
def test_an_empty_bar_or_a_repeat_behind_a_good_one_leaves_its_close(second: float | None) -> None:
    assert stock(bars(second))["close_usd"] == [100.0, 105.4]
    assert stock(bars(second, volume=[10, 10, 0]))["session_date"] == [date(2026, 11, 16), LAST]


def test_two_bars_that_differ_are_refused_with_both() -> None:
    assert "one bar of 2026-11-17, got two that differ, with close 105.4 and 99.0" in refused(lambda: stock(bars(99.0)))


@pytest.mark.parametrize("symbol", ["^GSPC", "^MOVE", "JPY=X"])
def test_an_index_or_a_currency_keeps_its_price_too(symbol: str) -> None:
    pairs = [pair for pair in pairs_of("yahoo") if pair[1].code.startswith(symbol)]
    stamps = [*new_york("2026-11-16", "2026-11-17"), stamp("2026-11-17", NEW_YORK, "16:00")]
    document = chart(symbol, stamps, [100.0, 105.4, None], currency=pairs[0][1].unit)
    meta = {"symbol": symbol, "start": "2026-11-16", "series": ",".join(one.id for one, _ in pairs)}
    fetched = datetime(2026, 11, 18, 3, tzinfo=UTC)
    payload = payload_of("yahoo", json.dumps(document), name=symbol, fetched_at=fetched, meta=meta)
    found = cells(yahoo.parse(payload, pairs), pairs[0][0].id)
    assert found[LAST] == 105.4


@pytest.mark.parametrize("name", ["open", "high", "low"])
def test_a_zero_beside_a_good_close_is_unknown(name: str) -> None:
    found = stock(bars(None, **{name: [100.0, 0.0, None]}))
    assert found["close_usd"] == [100.0, 105.4]
    assert found[f"{name}_usd"] == [100.0, None]


def test_a_volume_of_zero_is_a_value_only_where_nothing_moved() -> None:
    moved = {"high": [101.0, 106.0, None], "low": [99.0, 104.0, None], "volume": [0, 7, None]}
    assert stock(bars(None, **moved))["volume_shares"] == [None, 7.0]
    assert stock(bars(None, volume=[0, 7, None]))["volume_shares"] == [0.0, 7.0]


def test_nasdaqs_zeros_and_repeats_cost_no_close() -> None:
    row = {"date": "11/17/2026", "close": "$10.00", "volume": "5", "open": "$0.00", "high": "$11.00", "low": "$9.00"}
    table = {"rows": [row, row]}
    data = {"data": {"symbol": "AAA", "totalRecords": 2, "tradesTable": table}, "status": {}}
    payload = payload_of("nasdaq", json.dumps(data), name="AAA", fetched_at=EVENING, meta={"symbol": "AAA"})
    bar = nasdaq.parse(payload)["nasdaq.prices"].row(0, named=True)
    assert (bar["open_usd"], bar["close_usd"]) == (None, 10.0)


# ---- the rule ------------------------------------------------------------------------------------------------------


def test_one_row_each_fills_gaps_keeps_order_and_leaves_clashes() -> None:
    rows = pl.DataFrame(
        {
            "series_id": ["c", "a", "b", "a", "b", "b"],
            "period_date": [LAST] * 6,
            "value": [9.0, None, 1.0, 5.0, 1.0, 2.0],
            "stated_at": pl.Series([None] * 6, dtype=pl.Datetime("us")),
        }
    )
    found = one_row_each(rows, dataset_key(observations("fred")))
    assert found.select("series_id", "value").rows() == [("c", 9.0), ("a", 5.0), ("b", 1.0), ("b", 2.0)]
    assert one_row_each(found, dataset_key(observations("fred"))).equals(found)
