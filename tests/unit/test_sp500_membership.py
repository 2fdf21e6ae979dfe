"""Membership of the S&P 500 out of three files and one web page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.batch import PartOfPayloadChanged, Window
from ingest.catalog.renames import Rename, load_renames
from ingest.errors import ConfigError, SourceChanged, SourceRefused, SourceUnavailable
from ingest.membership import Stay, name_stocks
from ingest.payload import Payload
from ingest.readers.html_tables import html_tables
from ingest.sources.sp500_membership import sp500_membership as source
from tests.unit.fakes import NOON, FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

STAYS = """ticker,start_date,end_date
AAL,1996-01-02,1997-01-15
AAL,2015-03-23,2024-09-23
BRK.B,2010-02-16,
FB,2013-12-23,2022-06-09
META,2022-06-09,
NA,2001-01-02,
WHR,1996-01-02,2024-03-18
OLD,1996-01-02,
"""
CHANGES = """date,add,remove
2024-09-23,"ERIE","AAL"
2025-11-03,"Q",""
2025-12-01,"AAA,BBB","OLD"
"""
NO_CHANGES = "date,add,remove\n"
NAMES = """Symbol,Security,GICS Sector,GICS Sub-Industry,Headquarters Location,Date added,CIK,Founded
BRK.B,Berkshire Hathaway,Financials,Multi-Sector,"Omaha, Nebraska",2010-02-16,1067983,1839
META,Meta Platforms,Communication Services,Interactive,"Menlo Park, California",2013-12-23,1326801,2004
NA,Not Available Inc.,Industrials,Other,Nowhere,2001-01-02,1,1900
"""
LISTED = {"BRK.B": "2010-02-16", "META": "2013-12-23", "NA": "2001-01-02", "Q": "2025-11-03", "AAA": "", "BBB": ""}


def page(listed: Mapping[str, str] = LISTED, changes: str = "", header: str = "Symbol") -> str:
    lines = "".join(
        f"<tr><td><a href='/x'>{ticker}</a></td><td>{ticker} &amp; Co.<sup>[1]</sup></td><td>Energy<td>{added}"
        for ticker, added in listed.items()
    )
    return (
        "<!DOCTYPE html><html><body><table class=infobox><tr><td>no id</table>"
        f"<table id='constituents'><tbody><tr><th>{header}</th><th>Security</th><th>GICS Sector</th><th>Date added</th>"
        f"</tr>{lines}</tbody></table><table id='changes'><tr><th rowspan=2>Effective Date</th><th colspan=2>Added</th>"
        "<th colspan=2>Removed</th><th rowspan=2>Reason</th></tr><tr><th>Ticker<th>Security<th>Ticker<th>Security</tr>"
        "<tr><td>June 9, 2022</td><td>META</td><td>Meta</td><td></td><td></td><td>Renamed</td></tr>"
        f"{changes}</table></body></html>"
    )


def change(day: str, added: str, removed: str) -> str:
    return f"<tr><td>{day}</td><td>{added}</td><td>x</td><td>{removed}</td><td>y</td><td>z</td></tr>"


def payload(parts: Mapping[str, str] | None = None, *, least: int = 1, since: str = "", **changed: str) -> Payload:
    texts = {source.STAYS: STAYS, source.CHANGES: CHANGES, source.NAMES: NAMES} | dict(parts or {})
    named = {"stays": source.STAYS, "changes": source.CHANGES, "names": source.NAMES, "list": source.LIST}
    texts |= {named[name]: text for name, text in changed.items()}
    meta = {"parts": ",".join(texts), "least_members": str(least), "least_from": since}
    return payload_of("sp500_membership", json.dumps(texts), name=source.TOGETHER, meta=meta)


def parse(**changed: Any) -> pl.DataFrame:
    return whole(source.parse(payload(**changed)), "sp500_membership.intervals")


def stays_of(rows: pl.DataFrame, permid: str) -> list[tuple[Any, ...]]:
    return rows.filter(permid=permid).select("ticker", "start_date", "end_date").rows()


# ---- the files


def test_a_recycled_ticker_is_two_stocks() -> None:
    rows = parse()
    assert stays_of(rows, "AAL") == [("AAL", date(1996, 1, 2), date(1997, 1, 15))]
    assert stays_of(rows, "AAL-2015") == [("AAL", date(2015, 3, 23), date(2024, 9, 23))]


def test_a_rename_is_one_stock() -> None:
    assert stays_of(parse(), "FB") == [
        ("FB", date(2013, 12, 23), date(2022, 6, 9)),
        ("META", date(2022, 6, 9), None),
    ]


def test_share_classes_are_spelled_as_yahoo_does_and_na_is_a_ticker() -> None:
    rows = parse()
    assert stays_of(rows, "BRK-B") == [("BRK-B", date(2010, 2, 16), None)]
    assert rows.filter(permid="NA")["security_name"].to_list() == ["Not Available Inc."]


def test_changes_after_the_last_date_of_the_stays_carry_them_on() -> None:
    rows = parse()
    assert stays_of(rows, "Q") == [("Q", date(2025, 11, 3), None)]
    assert stays_of(rows, "BBB") == [("BBB", date(2025, 12, 1), None)]
    assert stays_of(rows, "OLD") == [("OLD", date(1996, 1, 2), date(2025, 12, 1))]
    assert stays_of(rows, "ERIE") == []  # of a date that the stays know: they have the last word


def test_names_and_sectors_are_those_of_present_members() -> None:
    rows = parse()
    assert rows.filter(permid="FB")["security_name"].to_list() == ["Meta Platforms"] * 2
    assert rows.filter(permid="FB")["sector"].to_list() == ["Communication Services"] * 2
    assert rows.filter(permid="WHR").select("security_name", "sector").row(0) == (None, None)
    assert rows.filter(permid="Q")["security_name"].to_list() == [None]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"stays": "symbol,start_date,end_date\nA,2000-06-05,\n"}, "sp500_ticker_start_end.csv: expected the header"),
        ({"stays": "ticker,start_date,end_date\n"}, "sp500_ticker_start_end.csv: expected stays, got 'a header alone'"),
        ({"stays": STAYS.replace("1997-01-15", "15.1.97")}, "sp500_ticker_start_end.csv: expected ticker,start_date"),
        (
            {"stays": STAYS.replace("1997-01-15", "97-01-15")},
            "years of four digits in each line, got ('AAL', datetime.date(1996, 1, 2), datetime.date(97, 1, 15))",
        ),
        ({"stays": STAYS + ",2000-01-03,\n"}, "expected a ticker and dates with years of four digits in each line"),
        ({"stays": STAYS + "A,,\n"}, "expected a ticker and dates with years of four digits in each line"),
        ({"stays": STAYS + "A,2000-01-01\n"}, "expected 3 cells in each line, got 'A,2000-01-01'"),
        (
            {"changes": "date,add\n"},
            "sp500_changes_since_2019.csv: expected the columns date, add, remove, got 'date,add'",
        ),
        ({"changes": CHANGES + '2026-01-05,"","ZZZ"\n'}, "expected a member removed on 2026-01-05, got 'ZZZ, which is"),
        (
            {"changes": CHANGES + '2026-01-05,"META",""\n'},
            "expected a new member on 2026-01-05, got 'META, which is one'",
        ),
        ({"changes": CHANGES + 'soon,"C",""\n'}, "expected a date like 2020-01-31, got 'soon'"),
        ({"changes": CHANGES + "2026-01-05,C\n"}, "expected 3 cells in each line"),
        (
            {"names": "Symbol,Name\n"},
            "sp500.csv: expected the columns Symbol, Security, GICS Sector, got 'Symbol,Name'",
        ),
        ({"names": '"Symbol"x,Security\n'}, "sp500.csv: expected CSV, got "),
    ],
)
def test_refuses_broken_files(changed: dict[str, str], message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(**changed)
    assert str(caught.value).startswith("sp500_membership: ")
    assert message in str(caught.value)


def many(count: int, end: str = "") -> str:
    return "".join(f"T{chr(65 + at // 26)}{chr(65 + at % 26)},1996-01-02,{end}\n" for at in range(count))


def test_a_short_member_list_is_refused() -> None:
    header = "ticker,start_date,end_date\n"
    assert (
        len(parse(stays=header + many(400) + "OLD,2000-01-03,\n", changes=NO_CHANGES, least=400, since="2001-01-01"))
        == 401
    )
    with pytest.raises(SourceChanged) as caught:
        parse(stays=header + many(399) + "OLD,2010-01-04,\n", changes=NO_CHANGES, least=400, since="2001-01-01")
    assert str(caught.value) == (
        "sp500_membership: membership: expected at least 400 members on each date since 2001-01-01, "
        "got 399 on 2001-01-01"
    )


def test_a_history_that_thins_out_in_the_middle_is_refused() -> None:
    text = "ticker,start_date,end_date\n" + many(410, "2012-01-03") + "OLD,2010-01-04,\n"
    with pytest.raises(SourceChanged, match="got 1 on 2012-01-03"):
        parse(stays=text, changes=NO_CHANGES, least=400, since="2001-01-01")


def test_todays_members_alone_are_no_history() -> None:
    text = "ticker,start_date,end_date\n" + many(500).replace("1996", "2015") + "OLD,2015-01-02,\n"
    with pytest.raises(SourceChanged, match="got 0 on 2001-01-01"):
        parse(stays=text, changes=NO_CHANGES, least=400, since="2001-01-01")


# ---- Wikipedia


def test_the_list_of_today_agrees() -> None:
    assert (
        parse(list=page())
        .drop("security_name", "sector", "payload_sha256")
        .equals(parse().drop("security_name", "sector", "payload_sha256"))
    )


def test_the_list_gives_names_where_the_file_has_none() -> None:
    rows = parse(list=page())
    assert rows.filter(permid="Q").select("security_name", "sector").row(0) == ("Q & Co.", "Energy")
    assert rows.filter(permid="NA")["security_name"].to_list() == ["Not Available Inc."]


def test_joiners_and_leavers_of_the_list_carry_the_stays_on() -> None:
    listed = {**LISTED, "NEW": "2026-03-23", "NEXT": ""}
    del listed["AAA"]
    found = page(listed, change("March 23, 2026", "NEW", "AAA") + change("June 1, 2026", "NEXT", ""))
    rows = parse(list=found)
    assert stays_of(rows, "NEW") == [("NEW", date(2026, 3, 23), None)]
    assert stays_of(rows, "NEXT") == [("NEXT", date(2026, 6, 1), None)]
    assert stays_of(rows, "AAA") == [("AAA", date(2025, 12, 1), date(2026, 3, 23))]


def test_one_date_may_span_two_changes() -> None:
    listed = {**LISTED, "NEW": "", "NEXT": ""}
    spanned = (
        "<tr><td rowspan=2>March 23, 2026<sup>[2]</sup></td><td>NEW</td><td>n</td><td></td><td></td><td>r</td></tr>"
        "<tr><td>NEXT</td><td>n</td><td></td><td></td><td>r</td></tr>"
    )
    rows = parse(list=page(listed, spanned))
    assert stays_of(rows, "NEW")[0][1] == stays_of(rows, "NEXT")[0][1] == date(2026, 3, 23)


def test_what_is_announced_for_later_waits() -> None:
    rows = parse(list=page({**LISTED, "SOON": ""}, change("December 21, 2026", "SOON", "")))
    assert stays_of(rows, "SOON") == []


def test_a_rename_that_the_files_do_not_know_yet() -> None:
    stays = STAYS.replace("META,2022-06-09,\n", "").replace("FB,2013-12-23,2022-06-09", "FB,2013-12-23,")
    listed = {"BRK.B": "", "META": "2013-12-23", "NA": "", "OLD": ""}
    stays = stays.replace("2024-09-23", "2022-05-23").replace("2024-03-18", "2022-05-23")
    found = page(listed).replace("June 9, 2022", "May 2, 2011")
    rows = parse(stays=stays, changes=NO_CHANGES, list=found)
    assert stays_of(rows, "FB") == [
        ("FB", date(2013, 12, 23), date(2022, 6, 9)),
        ("META", date(2022, 6, 9), None),
    ]


def test_a_name_without_a_date_is_named_and_the_rest_lands() -> None:
    listed = {**LISTED, "NEW": "1957-03-04"}
    del listed["AAA"]
    with pytest.raises(PartOfPayloadChanged) as caught:
        parse(list=page(listed))
    assert [str(problem) for problem in caught.value.problems] == [
        "sp500_membership: List_of_S&P_500_companies: expected a date of joining for NEW, got '1957-03-04'",
        "sp500_membership: List_of_S&P_500_companies: expected a date of leaving for AAA, "
        "got 'neither a constituent nor among the changes'",
    ]
    rows = caught.value.rows["sp500_membership.intervals"]
    assert stays_of(rows, "AAA") == [("AAA", date(2025, 12, 1), None)]
    assert stays_of(rows, "NEW") == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("<html><table id=x></table>", "expected a table constituents with Symbol, Security, GICS Sector, Date added, "
         "got 'only the tables x'"),
        (page().replace(">AAA<", ">META<"), "expected each constituent once, with its symbol, got 'META'"),
        (page().replace(">AAA<", "><"), "expected each constituent once, with its symbol, got ''"),
        (page(header="Ticker"), "got 'Ticker, Security, GICS Sector, Date added'"),
        (page({"META": ""}), "expected at least 5 constituents, got '1'"),
        (page({f"X{at}": "" for at in range(60)}), "expected a list within 40 names of the history files"),
        (page().replace("June 9, 2022", "9/6/22"), "expected dates like June 30, 2025 in the table changes"),
    ],
)  # fmt: skip
def test_refuses_another_page(found: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(list=found, least=5, since="2025-12-01")
    assert str(caught.value).startswith("sp500_membership: List_of_S&P_500_companies: ")
    assert message in str(caught.value)


def test_tables_of_a_page() -> None:
    text = "<table id=a><tr><td colspan=2>x<td>y<tr><td>1<td>2<table id=b><tr><td>in</table><td>3</table><td>out"
    assert html_tables(text) == {"a": [["x", "x", "y"], ["1", "2in", "3"]]}
    assert html_tables("</table></div></table><table id=a><tr><td>1</table>") == {"a": [["1"]]}
    assert html_tables("<table id=a><tr><td rowspan=99999999999 colspan=x>1</table>") == {"a": [["1"]]}


# ---- asking


def http_of(**changed: Any) -> FakeHttp:
    texts = {
        f"{source.FILES}/{source.STAYS}": STAYS,
        f"{source.FILES}/{source.CHANGES}": CHANGES,
        f"{source.FILES}/{source.NAMES}": NAMES,
        source.WIKIPEDIA: "\n" + page()[len("<!DOCTYPE html>") :].replace("<html>", "<!-- a page --><html>"),
    }
    return FakeHttp(texts | changed)


def test_the_files_are_archived_one_by_one_and_together() -> None:
    http = http_of()
    (one,) = source.fetch(panel_context("sp500_membership", http, origin="SIMULATED"))
    assert isinstance(one, Payload)
    assert [kept.name for kept in http.kept] == [source.STAYS, source.CHANGES, source.NAMES, source.LIST, "membership"]
    assert source.parse(http.kept[0]) == {}
    assert source.windows(http.kept[0], {}) == []
    assert source.windows(one, {}) == [Window("", None, None, table_id="sp500_membership.intervals")]
    assert one.meta["least_members"] == "50"


def test_a_real_answer_is_held_to_four_hundred_members() -> None:
    (one,) = source.fetch(panel_context("sp500_membership", http_of()))
    assert isinstance(one, Payload)
    assert (one.meta["least_members"], one.meta["least_from"]) == ("400", "2001-01-01")
    with pytest.raises(SourceChanged, match="at least 400"):
        source.parse(one)


def test_wikipedia_is_asked_by_name() -> None:
    http = http_of()
    list(source.fetch(panel_context("sp500_membership", http)))
    assert http.headers[-1]["User-Agent"].startswith("tidegauge/")
    list(source.fetch(panel_context("sp500_membership", http, user_agent="me@example.org")))
    assert http.headers[-1]["User-Agent"] == "me@example.org"


def test_a_403_of_wikipedia_says_what_to_do_and_the_files_go_on() -> None:
    refused = SourceRefused("sp500_membership", source.LIST, "HTTP 403 from en.wikipedia.org")
    error, one = source.fetch(panel_context("sp500_membership", http_of(**{source.WIKIPEDIA: refused})))
    assert str(error) == (
        "sp500_membership: List_of_S&P_500_companies: Wikipedia refused the request (HTTP 403): it wants a User-Agent "
        "that says who asks. Set TIDEGAUGE_USER_AGENT to a name and an address; what was landed before stays"
    )
    assert isinstance(error, SourceRefused)
    assert source.LIST not in one.meta["parts"]  # type: ignore[union-attr]


@pytest.mark.parametrize(("days", "stands"), [(29, True), (31, False)])
def test_a_list_taken_lately_is_not_undone_by_an_answer_without_it(days: int, stands: bool) -> None:
    away = SourceUnavailable("sp500_membership", source.LIST, "no answer")
    http = http_of(**{source.WIKIPEDIA: away})
    last = payload_of(
        "sp500_membership", "", name="membership", meta={"parts": f"{source.STAYS},{source.LIST}"},
        fetched_at=NOON - timedelta(days=days),
    )  # fmt: skip
    http.latest = lambda asked, name: last  # type: ignore[method-assign]
    found = list(source.fetch(panel_context("sp500_membership", http)))
    assert found[0] is away
    assert (len(found) == 1) is stands


def test_without_the_names_members_are_known_all_the_same() -> None:
    lost = SourceUnavailable("sp500_membership", source.NAMES, "no answer")
    http = http_of(**{f"{source.FILES}/{source.NAMES}": lost, source.WIKIPEDIA: lost})
    error, also, one = source.fetch(panel_context("sp500_membership", http, origin="SIMULATED"))
    assert (error, also) == (lost, lost)
    assert isinstance(one, Payload)
    assert one.meta["parts"] == f"{source.STAYS},{source.CHANGES}"
    few = replace(one, meta={**one.meta, "least_members": "1"})
    rows = source.parse(few)["sp500_membership.intervals"]
    assert rows.height > 0
    assert rows["security_name"].null_count() == rows.height


def test_without_a_file_nothing_is_said() -> None:
    lost = SourceUnavailable("sp500_membership", source.CHANGES, "no answer")
    http = http_of(**{f"{source.FILES}/{source.CHANGES}": lost})
    assert list(source.fetch(panel_context("sp500_membership", http))) == [lost]


# ---- names of stocks, and whose prices are wanted


def test_a_ticker_that_comes_back_by_rename_is_the_same_stock() -> None:
    first, middle, last = (
        Stay("FISV", date(2001, 4, 2), date(2023, 6, 7)),
        Stay("FI", date(2023, 6, 7), date(2025, 11, 11)),
        Stay("FISV", date(2025, 11, 11), None),
    )
    assert set(name_stocks([last, first, middle], load_renames()).values()) == {"FISV"}
    assert name_stocks([first, middle, last], []) == {first: "FISV", middle: "FI", last: "FISV-2025"}


def test_a_company_that_came_back_is_one_stock() -> None:
    stays = [Stay("AMD", date(1996, 1, 2), date(2013, 9, 23)), Stay("AMD", date(2017, 3, 20), None)]
    assert set(name_stocks(stays, []).values()) == {"AMD"}
    assert set(name_stocks(stays, [], continued=frozenset()).values()) == {"AMD", "AMD-2017"}


def test_a_rename_far_from_its_date_joins_nothing() -> None:
    stays = [Stay("AA", date(2000, 1, 3), date(2010, 1, 4)), Stay("BB", date(2010, 1, 4), None)]
    near, far = (Rename(old="AA", new="BB", day=day) for day in (date(2010, 1, 14), date(2010, 1, 15)))
    assert set(name_stocks(stays, [near]).values()) == {"AA"}
    assert set(name_stocks(stays, [far]).values()) == {"AA", "BB"}


def test_renames_are_read_and_a_broken_entry_is_named(tmp_path: Path) -> None:
    assert Rename(old="FB", new="META", day=date(2022, 6, 9)) in load_renames()
    file = tmp_path / "renames.yml"
    file.write_text("renames:\n  - {old: FB, new: META, date: 2022-06-09}\n  - {old: a b, new: C, date: 2022-06-09}\n")
    with pytest.raises(ConfigError, match=r"renames renames\.yml: entry 2: old: String should match pattern"):
        load_renames(file)
    file.write_text("[]")
    with pytest.raises(ConfigError, match="expected the list renames"):
        load_renames(file)


def test_the_moment_of_the_answer_is_new_yorks_day() -> None:
    listed = {**LISTED, "NEW": ""}
    found = page(listed, change("November 18, 2026", "NEW", ""))
    one = payload(list=found)
    evening = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)  # still the 17th in New York
    late = payload_of(one.source, one.body, name=one.name, meta=dict(one.meta), fetched_at=evening)
    assert stays_of(source.parse(late)["sp500_membership.intervals"], "NEW") == []
