"""FRED: keyless CSV, and vintages with a key."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import polars as pl
import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.clock import NEW_YORK
from ingest.errors import SourceChanged, SourceError, SourceRefused, SourceUnavailable
from ingest.payload import Payload
from ingest.sources.fred import fred
from tests.unit.fakes import NOON, FakeHttp, cells, context_of, pairs_of, payload_of

WALCL = pairs_of("fred", "WALCL")
KEY = "0123456789abcdef0123456789abcdef"


def csv(body: str | bytes, code: str = "WALCL") -> pl.DataFrame:
    series = pairs_of("fred", code)[0][0].id
    return fred.parse(payload_of("fred", body, name=code, meta={"kind": "csv", "series": series}), pairs_of("fred"))


# ---- without a key -------------------------------------------------------------------------------------------------


def test_without_a_key_each_series_is_asked_alone_and_whole() -> None:
    http = FakeHttp({fred.KEYLESS: "observation_date,X\n"})
    list(fred.fetch(context_of("fred", http, pairs_of("fred")[:3], since={"fed_total_assets": date(2026, 11, 11)})))
    assert http.asked == [f"{fred.KEYLESS}?id={provider.code}" for _, provider in pairs_of("fred")[:3]]


@pytest.mark.parametrize("first", ["DATE", "observation_date"])
def test_the_date_column_is_read_by_its_place_and_both_gaps_are_gaps(first: str) -> None:
    rows = csv(f"{first},WALCL\n2026-11-04,6572843\n2026-11-11,\n2026-11-18,.\n2026-11-19,0\n")
    assert list(cells(rows, "fed_total_assets").values()) == [6572843.0, None, None, 0.0]
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert rows["unit"].unique().to_list() == ["Millions of U.S. Dollars"]
    assert rows["stated_at"].null_count() == 4
    payload = payload_of("fred", "", meta={"kind": "csv", "series": "fed_total_assets"})
    assert fred.windows(payload, rows) == [Window("fed_total_assets", None)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"PK\x03\x04rest", "expected CSV with the columns observation_date,WALCL, got a ZIP file"),
        ("<!DOCTYPE html><html>not found", "got an HTML page"),
        (b"", "got an empty body"),
        ("observation_date,WTREGEN\n2026-11-04,1\n", "got 'observation_date,WTREGEN'"),
        ("day,WALCL\n2026-11-04,1\n", "got 'day,WALCL'"),
        ("observation_date,WALCL,X\n2026-11-04,1,2\n", "got 'observation_date,WALCL,X'"),
        ("observation_date,WALCL\n", "got a header and no rows"),
        ("observation_date,WALCL\n2026-11-04,n/a\n", "expected numbers in column WALCL, got 'n/a'"),
        ("observation_date,WALCL\n11/04/2026,1\n", "got '11/04/2026'"),
        ("observation_date,WALCL\n2026-11-04,1\n2026-11-1", "got a text cut off in '2026-11-1'"),
    ],
)
def test_what_is_no_csv_of_that_series_is_named(body: str | bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        csv(body)
    assert str(caught.value).startswith("fred: WALCL: expected ")
    assert message in str(caught.value)


def test_one_silent_series_is_a_problem_and_two_in_a_row_end_the_asking() -> None:
    silent = SourceUnavailable("fred", "WALCL", "no answer")
    pairs = pairs_of("fred", "W")[:4]  # WALCL first
    http = FakeHttp({fred.KEYLESS: "observation_date,X\n", f"{fred.KEYLESS}?id=WALCL": silent})
    assert [isinstance(item, SourceError) for item in fred.fetch(context_of("fred", http, pairs))] == [
        True, False, False, False,
    ]  # fmt: skip
    http = FakeHttp({fred.KEYLESS: silent})
    with pytest.raises(SourceUnavailable):
        list(fred.fetch(context_of("fred", http, pairs)))
    assert len(http.asked) == 2


# ---- with a key ----------------------------------------------------------------------------------------------------


class FakeFred:
    """FRED's API with vintages of one series: answers as the real one does, clipping included."""

    def __init__(self, rows, *, units="Millions of U.S. Dollars", vintages=None, errors=None) -> None:
        self.rows = rows  # (date, realtime_start, value)
        self.units = units
        self.vintages = sorted({start for _, start, _ in rows}) if vintages is None else vintages
        self.errors = errors or {}  # path -> list of (code, message), one per request
        self.http_status = 400
        self.asked: list[dict[str, str]] = []
        self.urls: list[str] = []
        self.payloads: list[Payload] = []

    def get(self, source, name, url, *, params, secret_params, meta, headers=None, accept_status=(200,)) -> Payload:
        assert secret_params == {"api_key": KEY}
        assert "api_key" not in params
        assert url.startswith("https://api.stlouisfed.org/fred/")
        path = urlsplit(url).path.removeprefix("/fred/")
        self.asked.append({"path": path, **params})
        waiting = self.errors.get(path)
        status = 200
        if waiting:
            code, message = waiting.pop(0)
            status = self.http_status
            assert status in accept_status
            body = f'<error code="{code}" message="{message}"/>'
        else:
            body = {"series": self._series, "series/vintagedates": self._dates, "series/observations": self._page}[
                path
            ](params)
        xml = '<?xml version="1.0" encoding="utf-8" ?>\n' + body
        payload = payload_of(source, xml, name=name, url=url, status=status, meta=dict(meta))
        self.payloads.append(payload)
        return payload

    def _series(self, params):
        return f'<seriess><series id="{params["series_id"]}" title="t" units="{self.units}" /></seriess>'

    def _dates(self, params):
        dates = "".join(f"<vintage_date>{day}</vintage_date>" for day in self.vintages)
        return f'<vintage_dates count="{len(self.vintages)}" offset="0" limit="10000">{dates}</vintage_dates>'

    def _page(self, params):
        shown = [row for row in self.rows if str(row[0]) >= params.get("observation_start", "0")]
        if "realtime_start" in params:
            start, end = (date.fromisoformat(params[name]) for name in ("realtime_start", "realtime_end"))
            assert end <= date(2026, 11, 17)  # FRED refuses days after its own today
            shown = self._in_force(shown, start, end)
        count, offset, limit = len(shown), int(params["offset"]), int(params["limit"])
        entries = "".join(
            f'<observation realtime_start="{start}" realtime_end="9999-12-31" date="{day}" value="{value}"/>'
            for day, start, value in shown[offset : offset + limit]
        )
        return f'<observations units="lin" count="{count}" offset="{offset}" limit="{limit}">{entries}</observations>'

    @staticmethod
    def _in_force(rows, start, end):
        shown = []
        for day, begins, value in rows:
            later = [other for period, other, _ in rows if period == day and other > begins]
            stops = min(later) - timedelta(days=1) if later else date.max
            if begins <= end and stops >= start:
                shown.append((day, max(begins, start), value))  # the clip
        return shown


def run(fake: FakeFred, pairs=WALCL, **more) -> tuple[pl.DataFrame, list[SourceError]]:
    settings = {"fred_api_key": KEY, "retry_wait_seconds": 0.0, "request_attempts": 3}
    frames, problems = [], []
    for item in fred.fetch(context_of("fred", fake, pairs, **{**settings, **more})):
        if isinstance(item, SourceError):
            problems.append(item)
        else:
            frames.append(fred.parse(item, pairs))
    return pl.concat(frames) if frames else pl.DataFrame(), problems


def vintages(rows: pl.DataFrame) -> list[tuple[date, datetime, float | None]]:
    return list(rows.sort("period_date", "stated_at").select("period_date", "stated_at", "value").iter_rows())


def test_each_vintage_is_a_row_with_the_moment_it_became_known() -> None:
    wednesday = date(2026, 11, 4)
    rows, problems = run(
        FakeFred([(wednesday, date(2026, 11, 5), "6572843"), (wednesday, date(2026, 11, 12), "6572900")])
    )
    assert problems == []
    assert vintages(rows) == [
        (wednesday, datetime(2026, 11, 5, 21, 30), 6572843.0),  # the rule's Thursday: 16:30 New York
        (wednesday, datetime(2026, 11, 13, 4, 59, 59), 6572900.0),  # another day: its end in New York
    ]
    assert rows["unit"].unique().to_list() == ["Millions of U.S. Dollars"]


def test_what_we_read_ourselves_was_known_when_we_read_it() -> None:
    """A vintage of today is dated by its day, which is not over: what stands in an answer is known by then."""
    today = NOON.astimezone(NEW_YORK).date()
    rows, _ = run(FakeFred([(today - timedelta(days=30), today - timedelta(days=20), "1"), (today, today, "2")]))
    assert rows.filter(pl.col("period_date") == today)["stated_at"].to_list() == [NOON.replace(tzinfo=None)]
    assert (rows["stated_at"] <= NOON.replace(tzinfo=None)).all()


def test_the_key_is_neither_in_payloads_nor_in_urls() -> None:
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), "1")])
    run(fake)
    assert fake.payloads
    assert all(KEY not in repr(payload) for payload in fake.payloads)


def test_windows_of_vintages_share_a_boundary_and_clipped_rows_are_dropped(monkeypatch) -> None:
    monkeypatch.setattr(fred, "MAX_VINTAGES", 3)
    first = date(2025, 1, 1)
    rows = [(first + timedelta(days=7 * n), first + timedelta(days=7 * n + 1), str(n)) for n in range(8)]
    rows.append((first, first + timedelta(days=7 * 4 + 1), "100"))  # revised on the day of the fifth print
    fake = FakeFred(sorted(rows))
    got, _ = run(fake)
    asked = [(ask["realtime_start"], ask["realtime_end"]) for ask in fake.asked if "realtime_start" in ask]
    assert [start for start, _ in asked[1:]] == [end for _, end in asked[:-1]]
    assert len(asked) == 4
    assert sorted((day, float(value)) for day, _, value in rows) == sorted(
        got.select("period_date", "value").iter_rows()
    )
    assert got.select("period_date", "stated_at").is_unique().all()


def test_vintage_windows_never_hold_more_than_the_cap() -> None:
    days = [date(2000, 1, 1) + timedelta(days=n) for n in range(5103)]
    windows = fred.vintage_windows(days, days[-1], 2000)
    assert [sum(start <= day <= end for day in days) for start, end in windows] == [2000, 2000, 1105]
    assert fred.vintage_windows(days[:2000], days[1999], 2000) == [(days[0], days[1999])]
    assert fred.vintage_windows(days[:1], date(2026, 1, 1), 2000) == [(days[0], date(2026, 1, 1))]


def test_later_runs_ask_for_400_days_and_lose_no_vintage_of_them() -> None:
    first = date(2024, 1, 3)
    rows = [(first + timedelta(days=7 * n), first + timedelta(days=7 * n + 1), str(n)) for n in range(148)]
    fake = FakeFred(rows)
    newest = rows[-1][0]
    got, _ = run(fake, since={"fed_total_assets": newest})
    start = newest - timedelta(days=400)
    assert fake.asked[-1]["observation_start"] == start.isoformat()
    expected = [(day, float(value)) for day, _, value in rows if day >= start]
    assert sorted(got.select("period_date", "value").iter_rows()) == expected
    payload = fake.payloads[-1]
    assert fred.windows(payload, got) == [Window("fed_total_assets", start)]


def test_pages_are_asked_until_the_count_is_reached(monkeypatch) -> None:
    monkeypatch.setattr(fred, "MAX_ROWS", 2)
    days = [date(2026, 1, 7) + timedelta(days=7 * n) for n in range(5)]
    fake = FakeFred([(day, day + timedelta(days=1), str(n)) for n, day in enumerate(days)])
    got, _ = run(fake)
    assert [ask["offset"] for ask in fake.asked if "offset" in ask] == ["0", "2", "4"]
    assert got["value"].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_smaller_page_than_asked_for_newest_first_loses_no_history(monkeypatch) -> None:
    """A page of 3 of 8, newest first: read as the whole it would be the newest three and nothing before."""
    days = [date(2026, 9, 23) + timedelta(days=7 * n) for n in range(8)]
    fake = FakeFred([(day, day + timedelta(days=1), str(n)) for n, day in enumerate(days)][::-1])
    page = fake._page
    monkeypatch.setattr(fake, "_page", lambda params: page({**params, "limit": "3"}))
    got, problems = run(fake)
    assert [ask["offset"] for ask in fake.asked if "offset" in ask] == ["0", "3", "6"]
    assert dict(got.select("period_date", "value").iter_rows()) == {day: float(n) for n, day in enumerate(days)}
    assert problems == []


def test_a_short_page_is_named() -> None:
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), "1")])
    run(fake)
    page = fake.payloads[-1]
    short = payload_of("fred", page.body.replace(b'count="1"', b'count="7"'), name="WALCL", meta=page.meta)
    with pytest.raises(SourceChanged, match="expected 7 observations on this page, got 1 in <observations>"):
        fred.parse(short, WALCL)


def test_another_unit_is_named_and_nothing_of_the_series_is_asked() -> None:
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), "1")], units="Billions of U.S. Dollars")
    got, problems = run(fake)
    assert got.is_empty()
    assert [str(problem) for problem in problems] == [
        "fred: WALCL: expected units 'Millions of U.S. Dollars', got 'Billions of U.S. Dollars'"
    ]
    assert [ask["path"] for ask in fake.asked] == ["series"]


def test_parse_holds_the_units_of_an_archived_page_against_the_catalog() -> None:
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), "1")])
    run(fake)
    page = replace(fake.payloads[-1], meta={**fake.payloads[-1].meta, "units": "Furlongs"})
    with pytest.raises(SourceChanged, match=r"expected units 'Millions of U.S. Dollars', got 'Furlongs'"):
        fred.parse(page, WALCL)


def test_a_series_that_alfred_does_not_keep_has_plain_values() -> None:
    message = "Bad Request.  The series does not exist in ALFRED but may exist in FRED."
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), ".")], errors={"series/vintagedates": [(400, message)]})
    got, problems = run(fake)
    assert problems == []
    assert "realtime_start" not in fake.asked[-1]
    assert vintages(got) == [(date(2026, 11, 4), None, None)]


def test_a_429_inside_an_answer_is_waited_out() -> None:
    limited = (429, "Too Many Requests.  Exceeded Rate Limit")
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), "1")], errors={"series/observations": [limited, limited]})
    fake.http_status = 200
    got, problems = run(fake)
    assert problems == []
    assert got["value"].to_list() == [1.0]
    # what a rebuild replays of it says nothing
    refused = next(payload for payload in fake.payloads if b"429" in payload.body)
    assert fred.parse(refused, WALCL).is_empty()
    assert fred.windows(refused, fred.parse(refused, WALCL)) == []


def test_a_429_that_stays_is_a_sentence() -> None:
    fake = FakeFred([], errors={"series": [(429, "Too Many Requests.  Exceeded Rate Limit")] * 3})
    _, problems = run(fake)
    assert str(problems[0]) == (
        "fred: WALCL: FRED says 429: Too Many Requests. Exceeded Rate Limit after 3 tries: "
        "wait some minutes and run again; what was landed before stays."
    )


def test_a_bad_key_ends_the_asking_with_what_to_do() -> None:
    message = "Bad Request.  The value for variable api_key is not registered.  Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."  # noqa: E501
    fake = FakeFred([], errors={"series": [(400, message)]})
    with pytest.raises(SourceRefused) as caught:
        run(fake, pairs_of("fred")[:3])
    assert "FRED refused the key" in str(caught.value)
    assert "is not registered" in str(caught.value)
    assert "Check FRED_API_KEY" in str(caught.value)
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("path", "message", "shown"),
    [
        ("series", "Bad Request.  The series does not exist.", "expected the units of the series, got Bad Request."),
        (
            "series/observations",
            "Bad Request.  There are 5103 vintage dates in the specified real-time period: 1776-07-04 to 9999-12-31. "
            "This exceeds the maximum number of vintage dates allowed for this file type (2000).",
            "expected observations, got error 400: Bad Request. There are 5103 vintage dates",
        ),
    ],
)
def test_what_fred_says_reaches_the_reader(path: str, message: str, shown: str) -> None:
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), "1")], errors={path: [(400, message)]})
    _, problems = run(fake)
    assert len(problems) == 1
    assert shown in str(problems[0])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "b">]><observations/>', "expected XML without DOCTYPE and entities"),
        (b'{"observations": []}', 'expected XML of the FRED API, got \'{"observations"'),
        (b"<html><body>Maintenance</body></html>", "got an HTML page"),
    ],
)
def test_what_is_no_xml_of_the_api_is_named(body: bytes, message: str) -> None:
    meta = {"kind": "observations", "series": "fed_total_assets", "units": "Millions of U.S. Dollars"}
    with pytest.raises(SourceChanged) as caught:
        fred.parse(payload_of("fred", body, name="WALCL", meta=meta), WALCL)
    assert message in str(caught.value)


def test_today_is_that_of_chicago() -> None:
    # 05:30 UTC on the 18th is 23:30 on the 17th in Chicago; the fake refuses later days
    fake = FakeFred([(date(2026, 11, 4), date(2026, 11, 5), "1"), (date(2026, 11, 11), date(2026, 11, 18), "2")])
    run(fake, now=datetime(2026, 11, 18, 5, 30, tzinfo=UTC))
    assert fake.asked[-1]["realtime_end"] == "2026-11-17"
