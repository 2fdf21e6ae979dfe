"""Files the user brings."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged, SourceError
from ingest.sources.user_file import user_file, user_scoped
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of

PAIRS = pairs_of("user_file")


def parse(body: str | bytes, series_id: str = "hy_oas"):
    return user_file.parse(payload_of("user_file", body, name=f"{series_id}.csv", meta={"series": series_id}), PAIRS)


def fetch(home, files: dict[str, str]):
    (home / "user_files").mkdir(parents=True)
    for name, body in files.items():
        (home / "user_files" / name).write_text(body)
    http = FakeHttp({})
    return list(user_file.fetch(context_of("user_file", http, PAIRS, home=home))), http


def test_each_file_is_archived_and_read_in_the_mart_unit(tmp_path) -> None:
    items, http = fetch(
        tmp_path, {"hy_oas.csv": "date,value\n2020-01-02,338\n2020-01-03,.\n2020-01-06,\n", ".hidden": ""}
    )
    assert [item.name for item in items] == ["hy_oas.csv"]
    assert http.kept == items
    assert str(tmp_path) not in items[0].url
    rows = user_file.parse(items[0], PAIRS)
    assert cells(rows, "hy_oas") == {date(2020, 1, 2): 338.0, date(2020, 1, 3): None, date(2020, 1, 6): None}
    assert rows["unit"].unique().to_list() == ["bp"]
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert user_file.windows(items[0], rows) == [Window("hy_oas", None)]


def test_no_folder_is_nothing_to_do(tmp_path) -> None:
    assert list(user_file.fetch(context_of("user_file", FakeHttp({}), PAIRS, home=tmp_path))) == []


def test_a_file_of_no_series_is_named_with_the_nearest_ids_and_the_others_come(tmp_path) -> None:
    items, _ = fetch(
        tmp_path, {"hy_oaz.csv": "date,value\n", "ig_oas.csv": "date,value\n2020-01-02,1\n", "notes.txt": ""}
    )
    problems = [str(item) for item in items if isinstance(item, SourceError)]
    assert len(items) == 3
    assert problems[0].startswith("user_file: hy_oaz.csv: expected a name like <series_id>.csv (nearest: hy_oas")
    assert problems[1].startswith("user_file: notes.txt: expected a name like <series_id>.csv")


def test_known_at_has_its_zone_or_that_of_new_york() -> None:
    rows = parse(
        "date,value,known_at\n"
        "2020-01-06,4,\n"
        "2020-01-02,1,2020-01-03T10:30:00-05:00\n"
        "2020-07-01,2,2020-07-02 10:30\n"
        "2020-01-03,3,2020-01-06\n"
        "2020-01-08,6,20200109\n"
        "2020-01-09,7,2020-W02-5\n"
        "2020-01-07,5,2020-01-08T09:00Z\n"
    )
    assert list(rows.select("period_date", "stated_at").iter_rows()) == [
        (date(2020, 1, 2), datetime(2020, 1, 3, 15, 30)),
        (date(2020, 1, 3), datetime(2020, 1, 7, 4, 59, 59)),  # a day alone: known at its end
        (date(2020, 1, 6), None),
        (date(2020, 1, 7), datetime(2020, 1, 8, 9, 0)),
        (date(2020, 1, 8), datetime(2020, 1, 10, 4, 59, 59)),  # and so in every spelling of ISO 8601
        (date(2020, 1, 9), datetime(2020, 1, 11, 4, 59, 59)),
        (date(2020, 7, 1), datetime(2020, 7, 2, 14, 30)),
    ]
    assert rows["value"].to_list() == [1.0, 3.0, 4.0, 5.0, 6.0, 7.0, 2.0]


def test_a_date_may_stand_twice_with_two_moments() -> None:
    rows = parse("date,value,known_at\n2020-01-02,1,2020-01-03\n2020-01-02,2,2020-02-03\n")
    assert rows["value"].to_list() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("date,value\n2020-01-02,1\n1/3/2020,2\n", "expected a date as YYYY-MM-DD in line 3, got '1/3/2020'"),
        ("date,value\n2020-1-2,1\n", "expected a date as YYYY-MM-DD in line 2, got '2020-1-2'"),
        ("date,value\n\n2020-02-30,1\n", "expected a date as YYYY-MM-DD in line 3, got '2020-02-30'"),
        ("date,value\n2020-01-02,1.5x\n", "expected a number, nothing or a dot as value in line 2, got '1.5x'"),
        ("date,value\n2020-01-02,inf\n", "expected a number, nothing or a dot as value in line 2, got 'inf'"),
        ("date,value\n2020-01-02,1\n2020-01-03\n", "expected 2 cells in line 3, got '2020-01-03'"),
        ("date,value\n2020-01-02,1,2\n", "expected 2 cells in line 2"),
        ("day;value\n2020-01-02;1\n", "expected a header date,value[,known_at][,vendor], got 'day;value'"),
        ("date,value\n", "expected at least one line of values, got a header alone"),
        ("", "got an empty body"),
        (b"date,value\n2020-01-02,\xff\n", "in UTF-8, got byte 0xff"),
        ("date,value,known_at\n2020-01-02,1,soon\n", "expected a moment in ISO 8601 as known_at in line 2, got 'soon'"),
        ("date,value,known_at\n2020-01-02,1,9999-12-31\n", "as known_at in line 2, got '9999-12-31'"),
        ("date,value\n2020-01-02,1\n2020-01-02,2\n", "each time with its own known_at, got it again in line 3"),
        ("date,value,known_at\n2020-01-02,1,\n2020-01-02,1,2020-01-03\n", "got it again in line 3"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_named_with_its_line(body: str | bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("user_file: hy_oas.csv: ")
    assert message in str(caught.value)


def test_bom_crlf_and_spaces_are_no_trouble() -> None:
    rows = parse(b"\xef\xbb\xbfDate, Value\r\n2020-01-02 , 1.5\r\n\r\n")
    assert cells(rows, "hy_oas") == {date(2020, 1, 2): 1.5}


def test_8000_rows_are_read() -> None:
    start = date(1996, 12, 31).toordinal()
    body = "date,value,known_at\n" + "".join(
        f"{date.fromordinal(start + n)},{n},{date.fromordinal(start + n + 1)}T10:30\n" for n in range(8000)
    )
    assert parse(body).height == 8000


@pytest.mark.parametrize(
    ("series_id", "body", "message"),
    [
        ("challenger_cuts", "date,value,known_at\n2026-07-01,33429,2026-07-30\n",
         "expected a known_at that is not before the monthly period's end in line 2, got '2026-07-30'"),
        ("challenger_cuts", "date,value\n2026-07-31,33429\n",
         "expected the first of a month as the date of a monthly value in line 2, got '2026-07-31'"),
        ("hy_oas", "date,value,known_at\n2020-01-06,400,2020-01-03\n",
         "expected a known_at that is not before the date in line 2, got '2020-01-03'"),
        ("fms_cash_pct", "date,value,known_at\n2026-07-01,3.6,2026-06-30\n",
         "expected a known_at that is not before the monthly period's end in line 2, got '2026-06-30'"),
        ("forward_pe", "date,value,vendor\n2026-02-06,22.0,FactSet\n2026-02-13,22.1,LSEG\n",
         "expected the vendor FactSet in every line, also in line 3, got 'LSEG'"),
        ("forward_pe", "date,value,vendor\n2026-02-06,22.0,\n2026-02-13,22.1,LSEG\n",
         "expected no vendor in any line, also in line 3, got 'LSEG'"),
        ("challenger_cuts", "date,value,scope\n2026-07-01,33429,retail\n",
         "expected a header date,value[,known_at][,vendor], got 'date,value,scope'"),
    ],
)  # fmt: skip
def test_what_the_catalog_says_of_a_series_holds_its_file(series_id: str, body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body, series_id)
    assert message in str(caught.value)


def test_challenger_with_its_moments_and_a_survey_of_mid_month() -> None:
    rows = parse("date,value,known_at\n2026-08-01,52881,2026-09-03T07:30\n2026-07-01,33429,\n", "challenger_cuts")
    assert cells(rows, "challenger_cuts") == {date(2026, 7, 1): 33429.0, date(2026, 8, 1): 52881.0}
    assert rows["stated_at"].to_list() == [None, datetime(2026, 9, 3, 11, 30)]
    survey = parse("date,value,known_at,vendor\n2026-07-01,3.6,2026-07-14,BofA\n", "fms_cash_pct")
    assert survey["stated_at"].to_list() == [datetime(2026, 7, 15, 3, 59, 59)]
    assert survey["code"].to_list() == ["BofA"]
    assert rows["code"].unique().to_list() == ["challenger_cuts"]


def test_a_file_with_scopes_is_left_to_the_other_reader(tmp_path) -> None:
    items, _ = fetch(tmp_path, {"sp_bankruptcies_count.csv": "date,value,scope\n2026-01-01,9,Industrials\n"})
    assert items == []


def scoped(body: str, series_id: str = "sp_bankruptcies_count"):
    payload = payload_of("user_file", body, name=f"{series_id}.csv", meta={"series": series_id})
    rows = user_scoped.parse(payload)
    return rows[user_scoped.TABLE], user_scoped.windows(payload, rows)


def test_a_value_for_each_scope_with_its_vendor(tmp_path) -> None:
    body = (
        "date,value,known_at,scope,vendor\n"
        "2025-10-01,98,2025-11-06,Industrials,S&P\n"
        "2025-10-01,80,2025-11-06,Consumer Discretionary,S&P\n"
        "2025-09-01,.,,Industrials,S&P\n"
    )
    rows, windows = scoped(body)
    assert rows.select("period_date", "scope", "value", "vendor").rows() == [
        (date(2025, 9, 1), "Industrials", None, "S&P"),
        (date(2025, 10, 1), "Consumer Discretionary", 80.0, "S&P"),
        (date(2025, 10, 1), "Industrials", 98.0, "S&P"),
    ]
    assert rows["stated_at"].to_list() == [None, *[datetime(2025, 11, 7, 4, 59, 59)] * 2]
    assert windows == [Window("sp_bankruptcies_count", None, None, "user_file.scoped_values")]
    (tmp_path / "user_files").mkdir()
    (tmp_path / "user_files/sp_bankruptcies_count.csv").write_text(body)
    (tmp_path / "user_files/hy_oas.csv").write_text("date,value\n2020-01-02,1\n")
    found = list(user_scoped.fetch(context_of("user_file", FakeHttp({}), [], home=tmp_path)))
    assert [item.name for item in found] == ["sp_bankruptcies_count.csv"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("date,value\n2025-10-01,98\n", "expected a scope in line 2, got ''"),
        ("date,value,scope\n2025-10-01,98,\n", "expected a scope in line 2, got ''"),
        ("date,value,scope\n2025-10-01,98,A\n2025-10-01,97,A\n",
         "expected 2025-10-01 of A once, or each time with its own known_at, got it again in line 3"),
        ("date,value,scope\n2025-10-01,9800,A\n", "expected count between 0 and 1000 in line 2, got '9800'"),
        ("date,value,scope\n2025-10-02,98,A\n", "expected the first of a month as the date of a monthly value"),
        ("date,value,known_at,scope\n2025-10-01,98,2025-10-15,A\n", "is not before the monthly period's end in line 2"),
        ("date,value,scope,vendor\n2025-10-01,98,A,S&P\n2025-10-01,9,B,Epiq\n", "the vendor S&P in every line"),
        ("<html></html>\n", "got an HTML page"),
    ],
)  # fmt: skip
def test_what_a_file_with_scopes_may_not_hold(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        scoped(body)
    assert message in str(caught.value)
