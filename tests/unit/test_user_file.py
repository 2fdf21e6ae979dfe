"""Files the user brings."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged, SourceError
from ingest.sources.user_file import user_file
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
        ("day;value\n2020-01-02;1\n", "expected a header date,value[,known_at], got 'day;value'"),
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
