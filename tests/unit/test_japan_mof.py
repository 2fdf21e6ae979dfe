"""Japan's Ministry of Finance: two files, one title with the unit, footnotes in Shift-JIS."""

from __future__ import annotations

from datetime import date

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.sources.japan_mof import japan_mof
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of

PAIRS = pairs_of("japan_mof")
TITLE = "Interest Rate,,,,,,(Unit : %)"
HEADER = "Date,1Y,2Y,5Y,10Y,20Y,30Y"
FOOTNOTES = "※1 半年複利金利\r\n※2 国債金利情報\r\n".encode("cp932")
HISTORY = {"part": "history", "series": "jgb_2y_yield,jgb_10y_yield,jgb_30y_yield"}


def body(*lines: str, title: str = TITLE, header: str = HEADER, tail: bytes = b"") -> bytes:
    return "\r\n".join([title, header, *lines, ""]).encode() + tail


def parse(raw: bytes, meta: dict[str, str] = HISTORY):
    return japan_mof.parse(payload_of("japan_mof", raw, name="JGB yields, history", meta=meta), PAIRS)


def test_reads_unpadded_dates_and_dashes() -> None:
    rows = parse(body("1974/9/24,10.3,9.5,8.25,-,-,-", "2026/10/30,1.1,1.375,1.9,2.5,3.25,0"))
    assert cells(rows, "jgb_2y_yield") == {date(1974, 9, 24): 9.5, date(2026, 10, 30): 1.375}
    assert cells(rows, "jgb_10y_yield") == {date(1974, 9, 24): None, date(2026, 10, 30): 2.5}
    assert cells(rows, "jgb_30y_yield") == {date(1974, 9, 24): None, date(2026, 10, 30): 0.0}
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert rows["unit"].unique().to_list() == ["%"]


def test_footnotes_in_shift_jis_end_the_data() -> None:
    rows = parse(body("2026/11/4,1,2,3,4,5,6", tail=FOOTNOTES))
    assert cells(rows, "jgb_2y_yield") == {date(2026, 11, 4): 2.0}


def test_dates_as_excel_saves_them_again() -> None:
    rows = parse(body("9/24/74,1,2,3,4,5,6", "12/31/99,1,2,3,4,5,6", "4/30/26,1,2,3,4,5,6"))
    assert list(cells(rows, "jgb_2y_yield")) == [date(1974, 9, 24), date(1999, 12, 31), date(2026, 4, 30)]


def test_a_new_tenor_is_welcome() -> None:
    rows = parse(body("2026/11/4,1,2,3,4,5,6,7", header=HEADER + ",50Y", title=TITLE + ","))
    assert cells(rows, "jgb_30y_yield") == {date(2026, 11, 4): 6.0}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (body("2026/11/4,1,2,3,4,5,6", title="Interest Rate"), """expected "(Unit : %)" above the header"""),
        (
            body("2026/11/4,1,2,3,4,5,6", title="Interest Rate,(Unit : bp)"),
            "expected unit '%' in the title line, got 'bp'",
        ),
        (body("2026/11/4,1,2", header="Date,1Y,5Y"), "expected a column 2Y, got 'Date,1Y,5Y'"),
        (body("2026/11/4,1,2,3"), "expected 7 cells in each line"),
        (body("2026/11/4,1,x,3,4,5,6"), "expected numbers in column 2Y, got 'x'"),
        (body("2026/11/31,1,2,3,4,5,6"), "expected dates that exist, got '2026/11/31'"),
        (
            body("2026/11/4,1,2,3,4,5,6", "?,1,2,3,4,5,6", "2026/11/6,1,2,3,4,5,6"),
            "expected a date in front of figures, got '?,1,2,3,4,5,6'",
        ),
        (body(), "expected at least one dated line, got a header and no rows"),
        ("基準日,1年\r\nS49.9.24,1\r\n".encode("cp932"), "expected a line starting Date,, got '基準日,1年'"),
        (b"<html>maintenance</html>", "got an HTML page"),
    ],
)
def test_refuses(raw: bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(raw)
    assert str(caught.value).startswith("japan_mof: JGB yields, history: ")
    assert message in str(caught.value)


def test_where_the_files_overlap_the_history_wins() -> None:
    http = FakeHttp(
        {
            japan_mof.HISTORY_URL: body("2026/10/29,1,2,3,4,5,6", "2026/10/30,1,2.5,3,4,5,6"),
            japan_mof.CURRENT_URL: body("2026/10/30,1,9,9,9,9,9", "2026/11/2,1,2.75,3,4,5,6", tail=FOOTNOTES),
        }
    )
    history, current = japan_mof.fetch(context_of("japan_mof", http, PAIRS))
    assert cells(japan_mof.parse(history, PAIRS), "jgb_2y_yield")[date(2026, 10, 30)] == 2.5
    assert current.meta["history_last"] == "2026-10-30"
    rows = japan_mof.parse(current, PAIRS)
    assert cells(rows, "jgb_2y_yield") == {date(2026, 11, 2): 2.75}
    assert Window("jgb_2y_yield", date(2026, 10, 31)) in japan_mof.windows(current, rows)
    history_windows = japan_mof.windows(history, japan_mof.parse(history, PAIRS))
    assert Window("jgb_2y_yield", None, date(2026, 10, 30)) in history_windows


def test_a_current_month_without_days_yet_still_says_what_it_was_asked_for() -> None:
    meta = {"part": "current", "history_last": "2026-10-30", "series": "jgb_2y_yield"}
    payload = payload_of("japan_mof", body(tail=FOOTNOTES), meta=meta)
    rows = japan_mof.parse(payload, PAIRS)
    assert rows.is_empty()
    assert japan_mof.windows(payload, rows) == [Window("jgb_2y_yield", date(2026, 10, 31))]


def test_an_unreadable_history_keeps_the_current_month_from_being_asked() -> None:
    http = FakeHttp({japan_mof.HISTORY_URL: b"<html>"})
    (history,) = japan_mof.fetch(context_of("japan_mof", http, PAIRS))
    assert http.asked == [japan_mof.HISTORY_URL]
    with pytest.raises(SourceChanged):
        japan_mof.parse(history, PAIRS)


def test_a_history_that_does_not_come_is_the_sources_failure() -> None:
    error = SourceUnavailable("japan_mof", "JGB yields, history", "no answer")
    with pytest.raises(SourceUnavailable):
        list(japan_mof.fetch(context_of("japan_mof", FakeHttp({japan_mof.HISTORY_URL: error}), PAIRS)))
