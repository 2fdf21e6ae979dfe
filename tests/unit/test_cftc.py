"""CFTC: traders in financial futures, from files of a year, of the newest week, and as JSON."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.batch import Batch, Window
from ingest.catalog import load_catalog
from ingest.catalog.reported_contracts import contracts
from ingest.dataset import dataset
from ingest.errors import ConfigError, SourceChanged, SourceUnavailable
from ingest.gate import gate
from ingest.rules.evidence import Evidence
from ingest.sources.cftc import cftc
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

# open interest; then long, short, spread of dealers, managers, leveraged funds, others; long, short of the small
SP500 = [1000, 100, 400, 50, 500, 80, 40, 60, 260, 30, 20, 10, 5, 195, 125]
SIDES = ("long", "short", "spread")
CLASSES = ("dealer", "asset_mgr", "lev_money", "other_rept")
NAMES = ["open_interest", *(f"{c}_positions_{s}" for c in CLASSES for s in SIDES)]
NAMES += ["nonrept_positions_long", "nonrept_positions_short"]
ALL = ("open_interest", "dealer_positions_long", "nonrept_positions_long", "nonrept_positions_short")


def line(code: str = "13874A", day: str = "2026-11-10", figures: list[Any] = SP500, **changes: Any) -> str:
    """Return a line as the CFTC writes it: padded numbers, trailing blanks in codes."""
    totals = (
        [figures[0] - figures[13], figures[0] - figures[14]] if all(isinstance(f, int) for f in figures) else [0, 0]
    )
    numbers = [*figures[:13], *totals, *figures[13:]]
    short = changes.get("short", day[2:].replace("-", ""))
    cells = [f'"E-MINI S&P 500 - {code}"', short, day, code, "CME ", "00", "138 "]
    cells += [f"{number!s:>8}" for number in numbers] + ["."] * (81 - 7 - len(numbers))
    cells += [
        '"($50 X S&P 500 INDEX)"',
        f'"{code}"',
        '"CME "',
        '"138 "',
        '"F20"',
        f'"{changes.get("kind", "FutOnly")}"',
    ]
    return ",".join(cells) + "\r\n"


def header(date_name: str = "Report_Date_as_YYYY-MM-DD", leave: str = "") -> str:
    names = ["Market_and_Exchange_Names", "As_of_Date_In_Form_YYMMDD", date_name, "CFTC_Contract_Market_Code"]
    names += ["CFTC_Market_Code", "CFTC_Region_Code", "CFTC_Commodity_Code"]
    names += [f"{name}_All".title() for name in [*NAMES[:13], "tot_long", "tot_short", *NAMES[13:]]]
    names += [f"Other_{at}" for at in range(81 - len(names))]
    names += ["Contract_Units", "Code_Quotes", "Market_Quotes", "Commodity_Quotes", "CFTC_SubGroup_Code"]
    names += ["FutOnly_or_Combined"]
    return ",".join("Unknown" if name == leave else f'"{name}"' for name in names) + "\r\n"


def zipped(text: str, *more: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name in ("FinFutYY.txt", *more):
            archive.writestr(name, text)
    return body.getvalue()


def record(day: str = "2026-11-10", leave: tuple[str, ...] = (), figures: list[Any] = SP500, **changes: Any):
    keys = {name: f"{name}_all" if name in ALL else name for name in NAMES}
    said = {keys[name]: str(value) for name, value in zip(NAMES, figures, strict=True) if name not in leave}
    return {
        "report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000",
        "cftc_contract_market_code": "13874A",
        "cftc_market_code": "CME ",
        **said,
        "futonly_or_combined": "FutOnly",
        **changes,
    }


YEAR = {"kind": "year", "first": "2026-01-01", "last": "2026-12-31"}
JSON = {"kind": "json", "first": "2026-11-01", "last": "2026-11-17"}


def parse(body: bytes | str, meta: dict[str, str]) -> pl.DataFrame:
    return whole(cftc.parse(payload_of("cftc", body, name="positions", meta=meta)), cftc.TABLE)


def week(*lines: str) -> pl.DataFrame:
    return parse("".join(lines), {"kind": "week"})


def test_the_three_routes_say_the_same():
    of_week = week(line(), line("097741"))
    of_year = parse(zipped(header() + line() + line("097741")), YEAR)
    of_json = parse(json.dumps([record(), record(cftc_contract_market_code="097741 ")]), JSON)
    assert of_week.height == 2
    for other in (of_year, of_json):
        assert other.drop("payload_sha256").equals(of_week.drop("payload_sha256"))
    row = of_week.row(0, named=True)
    assert (row["contract_code"], row["contract_id"], row["report_date"]) == (
        "13874A",
        "sp500_emini",
        date(2026, 11, 10),
    )
    assert (row["leveraged_long_contracts"], row["leveraged_short_contracts"]) == (60, 260)
    assert (row["nonreportable_long_contracts"], row["open_interest_contracts"]) == (195, 1000)


def test_contracts_that_are_not_kept_are_left_out_consolidated_ones_too():
    assert week(line(), line("13874+"), line("999999"))["contract_code"].to_list() == ["13874A"]


def test_a_key_that_a_report_leaves_out_is_null_and_a_dot_is_none():
    rows = parse(json.dumps([record(), record("2026-11-03", ("other_rept_positions_spread",))]), JSON)
    assert rows["other_reportable_spread_contracts"].to_list() == [5, None]
    assert week(line(figures=[*SP500[:12], ".", *SP500[13:]]))["other_reportable_spread_contracts"].to_list() == [None]


def test_a_line_that_stands_twice_counts_once_and_other_names_of_the_date_column_are_read():
    assert week(line(), line()).height == 1
    assert parse(zipped(header("Report_Date_as_MM_DD_YYYY") + line()), YEAR).height == 1
    older = line(day="11/10/2026", short="261110") + line("097741", day="11/3/2026 12:00:00 AM", short="261103")
    assert parse(zipped(header("Report_Date_as_MM_DD_YYYY") + older), YEAR)["report_date"].to_list() == [
        date(2026, 11, 10),
        date(2026, 11, 3),
    ]


def test_no_report_yet_is_no_row():
    assert parse("[]", JSON).is_empty()


@pytest.mark.parametrize(
    ("body", "meta", "told"),
    [
        ("", {"kind": "week"}, "got an empty body"),
        ("<!DOCTYPE html><html>Page not found", {"kind": "week"}, "got an HTML page"),
        (line()[:-9], {"kind": "week"}, "a text cut off"),
        ("a,b\r\n", {"kind": "week"}, "expected comma-separated text of 87 columns, got 2 columns"),
        (line() + "13874A,1\r\n", {"kind": "week"}, "expected 87 cells in each line"),
        (line("999999"), {"kind": "week"}, "expected contracts such as 13874A, got '999999'"),
        (line(kind="Combined"), {"kind": "week"}, "expected FutOnly in the last column of each row, got 'Combined'"),
        (line(short="261103"), {"kind": "week"}, "one date in both columns of a row, got '261103 beside 2026-11-10'"),
        (
            line(day="10/11/2026", short="261110"),
            {"kind": "week"},
            "one date in both columns of a row, got '261110 beside 1",
        ),
        (line(day="10.11.2026", short="261110"), {"kind": "week"}, "report dates like 2026-01-06, got '10.11.2026'"),
        (line(figures=["n/a", *SP500[1:]]), {"kind": "week"}, "expected whole numbers in open_interest, got 'n/a'"),
        (line(figures=["10.5", *SP500[1:]]), {"kind": "week"}, "whole numbers in open_interest, got '10.5'"),
        (line() + line(figures=[999, *SP500[1:]]), {"kind": "week"}, "one report of 13874A on 2026-11-10, got two"),
        (b"PK\x03\x04 broken", YEAR, "expected a zip with one text file"),
        (zipped(header() + line())[:200], YEAR, "expected a zip with one text file"),
        (zipped(header() + line(), "two.txt"), YEAR, "expected a zip with one text file, got 2 members"),
        (
            zipped(header(leave="Lev_Money_Positions_Long_All") + line()),
            YEAR,
            "expected the column lev_money_positions_long once",
        ),
        ("<html>", YEAR, "expected a zip, got an HTML page"),
        ("{}", JSON, "expected a JSON list of reports"),
        ('{"message":"Invalid SoQL query","errorCode":"query.compiler"}', JSON, "expected a JSON list of reports"),
        (json.dumps([{"cftc_contract_market_code": "13874A"}]), JSON, "report_date_as_yyyy_mm_dd in a report"),
        (json.dumps([record(leave=("lev_money_positions_long",))]), JSON, "lev_money_positions_long in some report"),
        (json.dumps([record(open_interest_all=1000)]), JSON, "expected every value as text, got '1000'"),
        (json.dumps([record()])[:-20], JSON, "JSON broken"),
        (json.dumps([record(futonly_or_combined="Combined")]), JSON, "FutOnly in the last column"),
    ],
)
def test_what_it_refuses(body: bytes | str, meta: dict[str, str], told: str):
    with pytest.raises(SourceChanged) as caught:
        parse(body, meta)
    assert told in str(caught.value)


def test_rows_whose_sides_are_not_the_open_interest_are_refused_with_the_reason():
    rows = week(line(), line("097741", figures=[1001, *SP500[1:]]), line("1170E1", figures=[*SP500[:14], 126]))
    moment = datetime(2026, 11, 17, 17)
    rows = rows.with_columns(pl.lit(moment, dtype=pl.Datetime("us")).alias("fetched_at"))
    batch = Batch("cftc", {cftc.TABLE: rows}, (), (), (), datetime(2026, 11, 17, 17, tzinfo=UTC))
    found = gate(batch, load_catalog(), Evidence(), batch.fetched_at)
    assert found.accepted[cftc.TABLE]["contract_code"].to_list() == ["13874A"]
    refused = dict(found.refused[cftc.TABLE].select("contract_code", "reason").iter_rows())
    assert set(refused) == {"097741", "1170E1"}
    assert "shorts and spreads are not the open interest" in refused["1170E1"]


# -- asking ------------------------------------------------------------------------------------------------------------

NEXT_MORNING = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)  # the report of the 10th came on Monday, after Veterans Day


def asked(
    http: FakeHttp,
    held: set[date] | None,
    now: datetime = NEXT_MORNING,
    since: dict[str, date | None] | None = None,
) -> list[Any]:
    context = panel_context("cftc", http, now=now, since=since)
    return list(cftc.fetch(replace(context, held={} if held is None else {"": frozenset(held)})))


def test_a_daily_run_asks_for_one_week_and_only_once_it_is_out():
    http = FakeHttp({cftc.WEEK_URL: line()})
    assert asked(http, {date(2026, 11, 3)}, datetime(2026, 11, 16, 20, 29, tzinfo=UTC)) == []
    assert asked(http, {date(2026, 11, 10)}) == []
    assert http.asked == []
    (payload,) = asked(http, {date(2026, 11, 3)})
    assert http.asked == [cftc.WEEK_URL]
    rows = cftc.parse(payload)
    assert cftc.windows(payload, rows) == [
        Window("13874A", date(2026, 11, 10), date(2026, 11, 10), table_id=cftc.TABLE)
    ]


def test_after_a_pause_years_are_asked_and_a_first_run_asks_them_all_the_last_one_first():
    url = "https://www.cftc.gov/files/dea/history/fut_fin_txt_"
    http = FakeHttp({url: zipped(header() + line())})
    assert len(asked(http, {date(2025, 12, 16)})) == 2
    assert http.asked == [f"{url}2026.zip", f"{url}2025.zip"]
    assert len(asked(http, set())) == 2026 - 2010 + 1


def test_a_probe_looks_at_the_newest_week():
    http = FakeHttp({cftc.WEEK_URL: line()})
    assert len(asked(http, None)) == 1


def test_where_the_file_cannot_be_had_or_read_the_json_is_asked():
    for body in (SourceUnavailable("cftc", "newest positions", "no answer"), "<html>moved", line(day="2026-11-03")):
        http = FakeHttp({cftc.WEEK_URL: body, cftc.JSON_URL: json.dumps([record()])})
        *_, last = asked(http, {date(2026, 11, 3)})
        assert http.asked[-1].startswith(cftc.JSON_URL)
        assert "13874A" in http.asked[-1]
        rows = cftc.parse(last)
        assert cftc.windows(last, rows) == [
            Window("13874A", date(2026, 11, 9), date(2026, 11, 17), table_id=cftc.TABLE)
        ]


def test_a_contract_that_the_newest_week_leaves_out_is_told_and_asked_for_as_json_for_some_days():
    http = FakeHttp({cftc.WEEK_URL: line(), cftc.JSON_URL: json.dumps([record()])})
    of_week = dict.fromkeys(("13874A", "097741"), date(2026, 11, 3)) | {"232741": date(2026, 1, 6)}
    _, told, by_json = asked(http, {date(2026, 11, 3)}, since=of_week)
    assert str(told) == (
        "cftc: newest positions: expected also the contracts 097741, as in the weeks before, got 1 others"
    )
    assert by_json.url.startswith(cftc.JSON_URL)
    after = of_week | {"13874A": date(2026, 11, 10)}
    (again,) = asked(http, {date(2026, 11, 10)}, since=after)
    assert (again.meta["first"], again.meta["last"]) == ("2026-11-10", "2026-11-10")
    assert len(asked(http, {date(2026, 11, 10)}, since=dict.fromkeys(after, date(2026, 11, 10)))) == 0


def test_a_report_of_the_monday_before_a_holiday_is_that_of_its_week():
    moment = datetime(2025, 12, 12, 21, 0, tzinfo=UTC)  # the report of Monday 2025-11-10, after the shutdown
    http = FakeHttp({cftc.WEEK_URL: line(day="2025-11-10")})
    assert asked(http, {date(2025, 11, 10)}, moment) == []
    assert len(asked(http, {date(2025, 11, 4)}, moment)) == 1
    assert http.asked == [cftc.WEEK_URL]


def test_a_week_in_another_unit_or_below_zero_is_refused_and_a_new_level_that_lasts_stands():
    held = week(line(day="2026-11-03"), line("097741", day="2026-11-03"), line("1170E1", day="2026-09-22"))
    held = held.with_columns(known_at=pl.lit(datetime(2026, 11, 6), dtype=pl.Datetime("us")))
    thousand, below = [1000 * figure for figure in SP500], [-figure for figure in SP500]
    rows = week(line(figures=thousand), line("097741", figures=below), line("1170E1", figures=thousand))
    rows = rows.with_columns(pl.lit(datetime(2026, 11, 17, 17), dtype=pl.Datetime("us")).alias("fetched_at"))
    batch = Batch("cftc", {cftc.TABLE: rows}, (), (), (), datetime(2026, 11, 17, 17, tzinfo=UTC))
    found = gate(batch, load_catalog(), Evidence(held={cftc.TABLE: held}), batch.fetched_at)
    refused = dict(found.refused[cftc.TABLE].select("contract_code", "reason").iter_rows())
    assert set(refused) == {"13874A", "097741"}
    assert "open_interest_contracts at 1,000 times the level around it" in refused["13874A"]
    # weeks without a row that was let in: what has been printed ever since is the level now
    assert found.accepted[cftc.TABLE]["contract_code"].to_list() == ["1170E1"]


@pytest.mark.parametrize(
    ("report", "out"),
    [
        ((2024, 8, 20), (2024, 8, 23, 19, 30)),
        ((2024, 6, 18), (2024, 6, 24, 19, 30)),  # Juneteenth on the Wednesday: the CFTC's schedule has the Monday
        ((2024, 7, 2), (2024, 7, 8, 19, 30)),
        ((2024, 11, 26), (2024, 12, 2, 20, 30)),
        ((2024, 12, 24), (2024, 12, 30, 20, 30)),
        ((2018, 12, 24), (2019, 2, 1, 20, 30)),
        ((2025, 9, 30), (2025, 11, 19, 20, 30)),
        ((2025, 10, 7), (2025, 11, 21, 20, 30)),
        ((2025, 11, 10), (2025, 12, 12, 20, 30)),
        ((2026, 1, 20), (2026, 1, 23, 20, 30)),
    ],
)
def test_when_reports_are_out(report: tuple[int, ...], out: tuple[int, ...]):
    assert dataset(cftc.TABLE).own_release.released_at_one(date(*report)) == datetime(*out)


def test_the_list_of_contracts_names_what_is_wrong(tmp_path):
    assert {"13874A", "097741", "043602", "1170E1", "232741"} <= contracts().keys()
    file = tmp_path / "contracts.yml"
    for text, told in (
        ("contracts: 1", "expected the section contracts"),
        ("contracts:\n  - {code: 13874A, id: a, asset_class: bond, title: A}", "entry 1: asset_class"),
        (
            "contracts:\n" + "  - {code: 13874A, id: a, asset_class: crypto, title: A}\n" * 2,
            "entry 2: 13874A a is there already",
        ),
    ):
        file.write_text(text)
        contracts.cache_clear()
        with pytest.raises(ConfigError, match=told):
            contracts(file)
    contracts.cache_clear()
