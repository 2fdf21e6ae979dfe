"""FINRA's files of a day: short volume and short interest, by file and by API."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.batch import Window
from ingest.catalog.settlements import settlement_dates
from ingest.dataset import dataset
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.rules.declared import rules_of
from ingest.sources.finra import short_interest, short_volume
from tests.unit.fakes import NOON, FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

SYMBOLS = "AAPL,BRK-B,MSFT,XYZ"
VOLUME_META = {"day": "2026-07-30", "symbols": SYMBOLS}
INTEREST_META = {"day": "2026-07-31", "symbols": SYMBOLS}
AAPL = "20260730|AAPL|9699860.835956|39078|20246331.798531|B,Q,N"


def volumes(*lines: str, header: str = short_volume.HEADER, count: int | str | None = None) -> str:
    return "\n".join([header, *lines, str(len(lines) if count is None else count)]) + "\n"


def volume(body: str, meta: dict[str, str] = VOLUME_META, **fields: Any) -> pl.DataFrame:
    return whole(short_volume.parse(payload_of("finra", body, meta=meta, **fields)), short_volume.TABLE)


def test_short_volume_has_decimals_and_classes_of_shares_in_our_spelling():
    rows = volume(volumes(AAPL, "20260730|BRK/B|691476.764953|1191|1280099.715143|B,Q,N", "20260730|ZZZ|1|0|2|Q"))
    assert rows.select("ticker", "session_date", "short_volume_shares", "total_volume_shares").rows() == [
        ("AAPL", date(2026, 7, 30), 9699860.835956, 20246331.798531),
        ("BRK-B", date(2026, 7, 30), 691476.764953, 1280099.715143),
    ]


def test_a_symbol_that_is_another_ones_other_spelling_stays_its_own():
    rows = volume(
        volumes("20260730|BRK/B|1|0|4|Q", "20260730|BRKB|2|0|4|Q"), {"day": "2026-07-30", "symbols": "BRK-B,BRKB"}
    )
    assert dict(rows.select("ticker", "short_volume_shares").iter_rows()) == {"BRK-B": 1.0, "BRKB": 2.0}


def test_a_file_that_is_not_there_yet_is_no_row_and_one_long_due_is_a_change():
    evening = datetime(2026, 7, 30, 22, 30, tzinfo=UTC)
    payload = payload_of("finra", "<Error>", meta=VOLUME_META, status=403, fetched_at=evening)
    rows = short_volume.parse(payload)
    assert rows[short_volume.TABLE].is_empty()
    assert short_volume.windows(payload, rows) == []
    with pytest.raises(SourceChanged, match="expected the file of 2026-07-30, got HTTP 404"):
        volume("<Error>", status=404, fetched_at=datetime(2026, 8, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "got an empty body"),
        ("<!DOCTYPE html><html></html>", "got an HTML page"),
        (
            volumes(AAPL, header="Date|Symbol|ShortVolume|TotalVolume|Market"),
            "with the columns Date|Symbol|ShortVolume",
        ),
        (volumes(AAPL, count=2), "expected a last line that counts the 1 rows, got '2'"),
        (volumes(AAPL)[:-2], "expected a last line that counts"),
        (volumes(AAPL, "20260730|MSFT|1|0"), "expected 6 cells in each line"),
        (volumes(AAPL.replace("20260730", "20260729")), "expected rows of 20260730, got '20260729'"),
        (volumes(AAPL.replace("39078", "n/a")), "expected numbers in column ShortExemptVolume, got 'n/a'"),
        (volumes(AAPL.replace("39078", "")), "expected numbers in column ShortExemptVolume, got ''"),
        (volumes(AAPL, AAPL.replace("39078", "1")), "expected 'AAPL' once, got it twice"),
        (volumes("20260730|ZZZ|1|0|2|Q"), "some of the symbols asked for, got 1 others"),
    ],
)
def test_short_volume_refuses(body: str, told: str):
    with pytest.raises(SourceChanged) as caught:
        volume(body)
    assert told in str(caught.value)


def asked(module: Any, http: FakeHttp, held: set[date] | None, now: datetime = NOON, **settings: Any) -> list[Any]:
    context = panel_context("finra", http, tickers=["AAPL", "BRK-B"], now=now, **settings)
    return list(module.fetch(replace(context, held={} if held is None else {"": frozenset(held)})))


def test_a_daily_run_asks_for_one_session_a_first_run_for_a_hundred_and_a_probe_for_the_newest():
    http = FakeHttp({"https://cdn.finra.org/": volumes(AAPL)})
    first = asked(short_volume, http, set())
    assert len(first) == short_volume.SESSIONS
    assert http.asked[0] == "https://cdn.finra.org/equity/regsho/daily/CNMSshvol20261116.txt"
    assert first[0].meta == {"day": "2026-11-16", "symbols": "AAPL,BRK-B"}
    held = {date.fromisoformat(one.meta["day"]) for one in first}
    assert asked(short_volume, http, held) == []
    (only,) = asked(short_volume, http, held - {date(2026, 11, 16)})
    assert only.meta["day"] == "2026-11-16"
    assert len(asked(short_volume, http, None)) == 1
    rows = short_volume.parse(payload_of("finra", volumes(AAPL), meta=VOLUME_META))
    window = Window("", date(2026, 7, 30), date(2026, 7, 30), table_id=short_volume.TABLE)
    assert short_volume.windows(payload_of("finra", "", meta=VOLUME_META), rows) == [window]


# -- short interest ----------------------------------------------------------------------------------------------------

HEADER = (
    "accountingYearMonthNumber|symbolCode|issueName|issuerServicesGroupExchangeCode|marketClassCode"
    "|currentShortPositionQuantity|previousShortPositionQuantity|stockSplitFlag|averageDailyVolumeQuantity"
    "|daysToCoverQuantity|revisionFlag|changePercent|changePreviousNumber|settlementDate"
)


def position(symbol: str = "AAPL", figures: str = "900|800||300|3.00||12.50|100", day: str = "2026-07-31") -> str:
    return f"20260731|{symbol}|A name, with a comma|R|NNM|{figures}|{day}"


def interest(*lines: str, header: str = HEADER, **meta: str) -> pl.DataFrame:
    body = "\n".join([header, *lines]) + "\n"
    return whole(short_interest.parse(payload_of("finra", body, meta={**INTEREST_META, **meta})), short_interest.TABLE)


def test_short_interest_is_read_as_published_with_its_flags():
    rows = interest(
        position(),
        position("BRKB", "5|0||0|999.99|R|100.00|5"),
        position("MSFT", "400|100|S|200|2.00||300.00|300"),
        position("AAICPRB"),
    )
    names = ("ticker", "short_shares", "days_to_cover", "change_pct", "is_split", "is_revised")
    assert rows.select(names).rows() == [
        ("AAPL", 900.0, 3.0, 12.5, False, False),
        ("BRK-B", 5.0, 999.99, 100.0, False, True),
        ("MSFT", 400.0, 2.0, 300.0, True, False),
    ]


def test_the_json_of_the_api_has_fewer_fields_and_the_last_page_is_empty():
    row = {
        "symbolCode": "XYZ",
        "daysToCoverQuantity": 2.47,
        "averageDailyVolumeQuantity": 100,
        "marketClassCode": "NNM",
    }
    row |= {"currentShortPositionQuantity": 247, "settlementDate": "2026-07-31"}
    for body, told in ((json.dumps([row]), [("XYZ", 247.0, None, 2.47, False)]), ("[]", [])):
        rows = short_interest.parse(payload_of("finra", body, meta=INTEREST_META))[short_interest.TABLE]
        names = ("ticker", "short_shares", "previous_short_shares", "days_to_cover", "is_split")
        assert rows.select(names).rows() == told
    del row["daysToCoverQuantity"]
    with pytest.raises(SourceChanged, match="daysToCoverQuantity in a row"):
        short_interest.parse(payload_of("finra", json.dumps([row]), meta=INTEREST_META))


@pytest.mark.parametrize(
    ("lines", "header", "told"),
    [
        (
            (position(),),
            HEADER.replace("daysToCoverQuantity", "daysToCover"),
            "expected the column daysToCoverQuantity",
        ),
        ((position(),), HEADER.replace("|", ","), "cells in each line"),
        ((), HEADER, "expected at least one row, got a header alone"),
        ((position(day="2026-07-15"),), HEADER, "expected settlement dates of 2026-07-31, got '2026-07-15'"),
        ((position(day="31/07/2026"),), HEADER, "got '31/07/2026'"),
        (
            (position(figures="many|800||300|3.00||12.50|100"),),
            HEADER,
            "column currentShortPositionQuantity, got 'many'",
        ),
        ((position(), position(figures="1|800||300|3.00||12.50|100")), HEADER, "expected 'AAPL' once"),
        ((position("ZZZ"),), HEADER, "some of the symbols asked for"),
        ((position()[:40],), HEADER, "expected 14 cells in each line"),
    ],
)
def test_short_interest_refuses(lines: tuple[str, ...], header: str, told: str):
    with pytest.raises(SourceChanged) as caught:
        interest(*lines, header=header)
    assert told in str(caught.value)


def test_settlement_dates_go_back_to_a_business_day():
    found = settlement_dates(date(2026, 2, 1), date(2026, 6, 1))
    assert [f"{day:%m-%d}" for day in found] == [
        *("02-13", "02-27", "03-13", "03-31", "04-15", "04-30", "05-15", "05-29"),
    ]


def test_short_interest_is_asked_when_it_is_out_and_the_date_before_again():
    url = "https://cdn.finra.org/equity/otcmarket/biweekly/shrt"
    http = FakeHttp({url: ""})
    first = asked(short_interest, http, set())
    held = {date.fromisoformat(one.meta["day"]) for one in first}
    assert (len(held), max(held)) == (short_interest.DATES, date(2026, 10, 30))
    assert dataset(short_interest.TABLE).own_release.released_at_one(date(2026, 10, 30)) == datetime(2026, 11, 11, 23)
    assert asked(short_interest, http, held) == []
    http.asked.clear()
    asked(short_interest, http, held - {date(2026, 10, 30)})
    assert http.asked == [f"{url}20261030.csv", f"{url}20261015.csv"]
    assert len(asked(short_interest, http, None)) == 1


def test_where_the_host_fails_the_api_is_asked():
    down = SourceUnavailable("finra", "short interest", "no answer")
    http = FakeHttp({"https://cdn.finra.org/": down, "https://api.finra.org/": "[]"})
    error, page = asked(short_interest, http, None)
    assert error is down
    assert page.url == "https://api.finra.org/data/group/otcMarket/name/consolidatedShortInterest"
    assert json.loads(http.posted[0])["compareFilters"] == [
        {"compareType": "EQUAL", "fieldName": "settlementDate", "fieldValue": "2026-10-30"}
    ]


@pytest.mark.parametrize(
    ("short", "volume", "days", "is_refused"),
    [
        (91_490_076, 28_871_308, 3.17, False),
        (4_636, 441, 10.51, False),
        (38_287, 42_032_499, 1.00, False),  # at least one day
        (363_666, 0, 999.99, False),  # without volume, or beyond what is printed
        (9_149_007_600, 2_887_130_800, 317.0, True),  # the first, all of it times a hundred
        (363_666, 28_871_308, 3.17, True),
    ],
)
def test_days_to_cover_that_do_not_follow_from_the_row_refuse_it(
    short: float, volume: float, days: float, is_refused: bool
):
    rules = {one.name: one for one in rules_of(dataset("finra.short_interest")).rows}
    rule = rules["days_to_cover_are_short_shares_over_volume"]
    row = pl.DataFrame(
        {"short_shares": [float(short)], "average_daily_volume_shares": [float(volume)], "days_to_cover": [days]}
    )
    assert rule.effect == "refuse"
    assert (row.select(rule.measure(row)).item() > rule.at_most) is is_refused
