"""Yahoo's panel: raw prices out of split-adjusted charts, and many symbols asked through yfinance."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from ingest.batch import PartOfPayloadChanged, Window
from ingest.catalog.calendars import working_days
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.dataset import dataset
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.payload import Payload
from ingest.settings import Settings
from ingest.sources.yahoo import yahoo_prices, yfinance_client
from tests.unit.fakes import payload_of
from tests.unit.yahoo_server import EVENING, NEW_YORK, NOT_FOUND, LocalHttp, Server, chart, new_york, stamp

SESSIONS = ("2026-11-12", "2026-11-13", "2026-11-16", "2026-11-17")


def stock(
    closes: list[Any], *, days: tuple[str, ...] = SESSIONS, volumes: list[Any] | None = None, **meta: Any
) -> dict[str, Any]:
    """A chart of AAA that began to trade on the first day."""
    document = chart("AAA", new_york(*days), closes, **{"firstTradeDate": stamp(days[0], NEW_YORK, "09:30"), **meta})
    if volumes:
        document["chart"]["result"][0]["indicators"]["quote"][0]["volume"] = volumes
    return document


def with_events(document: dict[str, Any], **events: dict[str, dict[str, Any]]) -> dict[str, Any]:
    document["chart"]["result"][0]["events"] = {
        kind: {
            str(stamp(day, NEW_YORK, "09:30")): {"date": stamp(day, NEW_YORK, "09:30"), **event}
            for day, event in found.items()
        }
        for kind, found in events.items()
    }
    return document


def split(numerator: float, denominator: float = 1) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "splitRatio": f"{numerator}:{denominator}"}


def payload(document: Any, fetched_at: datetime = EVENING, start: str = "2026-11-12", symbol: str = "AAA") -> Payload:
    body = document if isinstance(document, str) else json.dumps(document)
    meta = {"symbol": symbol, "start": start, "panel": "prices"}
    return payload_of("yahoo", body, name=symbol, meta=meta, fetched_at=fetched_at)


def parse(document: Any, **fields: Any) -> dict[str, pl.DataFrame]:
    return yahoo_prices.parse(payload(document, **fields))


def prices(document: Any, column: str = "close_usd", **fields: Any) -> dict[date, float | None]:
    rows = parse(document, **fields)["yahoo.prices"]
    return dict(zip(rows["session_date"], rows[column], strict=True))


# ---- reading charts


def test_reads_bars_splits_and_dividends() -> None:
    document = with_events(
        stock([5.0, 5.25, 5.4, 5.5]), splits={"2026-11-16": split(2)}, dividends={"2026-11-13": {"amount": 0.25}}
    )
    tables = parse(document)
    for table_id, rows in tables.items():
        assert dict(rows.schema) == dict(dataset(table_id).rows_schema)
        assert rows["ticker"].unique().to_list() == ["AAA"]
    assert tables["yahoo.splits"].select("session_date", "split_ratio").rows() == [(date(2026, 11, 16), 2.0)]
    assert tables["yahoo.dividends"].select("session_date", "dividend_usd").rows() == [(date(2026, 11, 13), 0.5)]


def test_prices_are_those_of_the_day_and_volumes_too() -> None:
    document = with_events(
        stock([5.0, 5.25, 5.4, 5.5], volumes=[2_000_000, 1_000_000, 900_000, 800_000]),
        splits={"2026-11-16": split(2)},
    )
    assert list(prices(document).values()) == [10.0, 10.5, 5.4, 5.5]
    assert list(prices(document, "open_usd").values()) == [10.0, 10.5, 5.4, 5.5]
    assert list(prices(document, "volume_shares").values()) == [1_000_000, 500_000, 900_000, 800_000]


def test_two_splits_and_a_reverse_one_multiply() -> None:
    document = with_events(
        stock([5.0, 5.0, 5.0, 5.0]), splits={"2026-11-13": split(1, 10), "2026-11-16": split(3), "2026-11-17": split(2)}
    )
    assert list(prices(document).values()) == pytest.approx([3.0, 30.0, 10.0, 5.0])


def test_a_dividend_is_paid_on_the_shares_of_its_day() -> None:
    document = with_events(
        stock([5.0, 5.0, 5.0, 5.0]),
        splits={"2026-11-16": split(4)},
        dividends={"2026-11-13": {"amount": 0.2}, "2026-11-16": {"amount": 0.3}},
    )
    assert parse(document)["yahoo.dividends"]["dividend_usd"].to_list() == [0.8, 0.3]


def test_two_downloads_around_a_split_give_the_same_row() -> None:
    before = prices(stock([258.08, 260.0], days=SESSIONS[:2]), fetched_at=EVENING - timedelta(days=4))
    halved = [129.0399932861328, 130.0, 131.5, 132.0]  # as Yahoo writes them, in 32 bits
    after = prices(with_events(stock(halved), splits={"2026-11-16": split(2)}))
    assert after[date(2026, 11, 12)] == before[date(2026, 11, 12)] == 258.08


def test_null_cells_are_gaps_not_zeros() -> None:
    found = prices(stock([10.0, None, 10.5, 11.0]))
    assert found[date(2026, 11, 13)] is None
    assert prices(stock([10.0, 10.0, 10.5, 11.0], volumes=[5, 0, 7, 8]), "volume_shares")[date(2026, 11, 13)] == 0


@pytest.mark.parametrize(
    ("moment", "last"),
    [
        (datetime(2026, 11, 17, 21, 14, tzinfo=UTC), "2026-11-16"),
        (datetime(2026, 11, 17, 21, 15, tzinfo=UTC), "2026-11-17"),
    ],
)
def test_the_bar_of_an_open_session_is_never_returned(moment: datetime, last: str) -> None:
    document = with_events(stock([10.0, 10.5, 10.4, 99.0]), dividends={"2026-11-17": {"amount": 0.1}})
    tables = parse(document, fetched_at=moment)
    assert tables["yahoo.prices"]["session_date"].max() == date.fromisoformat(last)
    assert tables["yahoo.dividends"].height == (last == "2026-11-17")


def test_a_split_of_the_open_session_is_undone_though_its_row_waits() -> None:
    document = with_events(stock([5.0, 5.25, 5.2, 5.3]), splits={"2026-11-17": split(2)})
    tables = parse(document, fetched_at=datetime(2026, 11, 17, 17, 0, tzinfo=UTC))
    assert tables["yahoo.prices"]["close_usd"].to_list() == [10.0, 10.5, 10.4]
    assert tables["yahoo.splits"].is_empty()


def test_days_follow_new_york_through_summer_time() -> None:
    days = ("2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10")
    moment = datetime(2026, 3, 10, 22, 0, tzinfo=UTC)
    found = prices(stock([1.0, 2.0, 3.0, 4.0], days=days, gmtoffset=-18000), fetched_at=moment, start=days[0])
    assert [str(day) for day in found] == list(days)


def test_a_live_bar_behind_the_first_of_its_day_counts() -> None:
    document = stock([10.0, 10.5, 10.4, 10.6, 10.7], days=(*SESSIONS, "2026-11-17"))
    stamps = document["chart"]["result"][0]["timestamp"]
    stamps[-1] += 6 * 3600
    with pytest.raises(SourceChanged, match=r"one bar of 2026-11-17, got two that differ, with close 10\.6 and 10\.7"):
        prices(document)
    document["chart"]["result"][0]["meta"]["regularMarketTime"] = stamps[-1]  # says which of them is live
    assert prices(document)[date(2026, 11, 17)] == 10.7


def long_chart(missing: int, days: int = 40, **meta: Any) -> tuple[dict[str, Any], str]:
    """A chart of `days` sessions to 2026-11-17 without `missing` of them in the middle, and its start."""
    sessions = [str(day) for day in working_days("nyse", date(2026, 1, 2), date(2026, 11, 17))][-days:]
    kept = [*sessions[:5], *sessions[5 + missing :]]
    return stock([10.0] * len(kept), days=tuple(kept), **meta), sessions[0]


def test_up_to_ten_missing_sessions_are_gaps() -> None:
    document, start = long_chart(10)
    assert len(prices(document, start=start)) == 30


def test_more_missing_sessions_are_a_short_answer() -> None:
    document, start = long_chart(11)
    with pytest.raises(SourceChanged) as caught:
        parse(document, start=start)
    assert str(caught.value) == (
        "yahoo: AAA: expected a close for each of the 40 sessions from 2026-09-23 on, got a short answer: "
        "11 are missing, the first 2026-09-30, the last 2026-10-14"
    )


def test_null_closes_make_an_answer_short_too() -> None:
    sessions = tuple(str(day) for day in working_days("nyse", date(2026, 9, 23), date(2026, 11, 17)))
    with pytest.raises(SourceChanged, match="a short answer: 39 are missing"):
        parse(stock([10.0] + [None] * 39, days=sessions), start="2026-09-23")


def test_a_history_cut_off_at_its_beginning_is_short() -> None:
    document, _ = long_chart(0, firstTradeDate=345479400)
    with pytest.raises(SourceChanged, match="sessions from 2000-01-01 on, got a short answer"):
        parse(document, start="2000-01-01")


def test_a_stock_is_not_short_before_its_first_and_after_its_last_trade() -> None:
    days = tuple(str(day) for day in working_days("nyse", date(2026, 6, 1), date(2026, 7, 31)))
    found = prices(stock([10.0] * len(days), days=days), start="2000-01-01")
    assert len(found) == len(days)


def twice(document: dict[str, Any], **again: Any) -> dict[str, Any]:
    """The chart with its one split a second time, an hour later and perhaps otherwise written."""
    splits = document["chart"]["result"][0]["events"]["splits"]
    ((_, event),) = splits.items()
    splits["later"] = {**event, "date": event["date"] + 3600, **again}
    return document


def test_two_splits_of_one_day_are_both_undone() -> None:
    document = with_events(stock([5.0, 5.25, 5.4, 5.5]), splits={"2026-11-16": split(2)})
    assert list(prices(twice(document, numerator=3)).values()) == [30.0, 31.5, 5.4, 5.5]


def broken(**quotes: Any) -> dict[str, Any]:
    document = stock([10.0, 10.5, 10.4, 10.6])
    document["chart"]["result"][0]["indicators"]["quote"][0] |= quotes
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (NOT_FOUND, "expected a chart of AAA, got the error \"{'code': 'Not Found'"),
        (chart("BBB"), "expected meta.symbol AAA, got 'BBB'"),
        (stock([1.0] * 4, currency="GBp"), "expected unit 'USD' in meta.currency, got 'GBp'"),
        (stock([1.0] * 4, dataGranularity="1wk"), "expected meta.dataGranularity 1d, got '1wk'"),
        (chart("AAA", []), "expected prices, got a chart without a single price"),
        (stock([None] * 4), "expected prices, got a chart without a single price"),
        (broken(close=[1.0]), "expected 4 values of close, one for each timestamp, got 1"),
        (broken(volume=[1, 2, 3]), "expected 4 values of volume, one for each timestamp, got 3"),
        (broken(close=[1.0, "x", 2.0, 3.0]), "expected a number for close of 2026-11-13, got 'x'"),
        (broken(high=[1.0, True, 2.0, 3.0]), "expected a number for high of 2026-11-13, got 'True'"),
        (broken(low=[1.0, float("nan"), 2.0, 3.0]), "expected a number for low of 2026-11-13, got 'nan'"),
        (
            with_events(stock([1.0] * 4), splits={"2026-11-13": split(0)}),
            "expected a number above zero for numerator of the split of 2026-11-13, got '0'",
        ),
        (
            twice(with_events(stock([1.0] * 4), splits={"2026-11-13": split(2)}), numerator=4, denominator=2),
            "expected the split of 2 on 2026-11-13 once, got it twice",
        ),
        (
            {"chart": {"result": [{**stock([1.0] * 4)["chart"]["result"][0], "events": [1]}], "error": None}},
            "expected events of the chart to be an object, got '[1]'",
        ),
        (
            with_events(stock([1.0] * 4), splits={"2026-11-13": {"splitRatio": "2:1"}}),
            "expected numerator in a split, got only date, splitRatio",
        ),
        (
            with_events(stock([1.0] * 4), dividends={"2026-11-13": {"amount": None}}),
            "expected a number above zero for the dividend of 2026-11-13, got 'None'",
        ),
        (stock([1.0] * 4, firstTradeDate=345479400000), "expected timestamps in whole seconds, got '345479400000'"),
        (stock([1.0] * 4, firstTradeDate=10**20), "expected timestamps in whole seconds, got '100000000000000000000'"),
        ("<!DOCTYPE html>", "expected JSON of a chart of AAA, got an HTML page"),
        ("", "expected JSON of a chart of AAA, got an empty body"),
    ],
)
def test_refuses(document: Any, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(document)
    assert str(caught.value).startswith("yahoo: AAA: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("closes", "ratio", "seen"),
    [
        ([10.0, 10.5, 5.4, 5.5], split(2), "a close of 10.5 before and 5.4 after it"),
        ([1.0, 1.05, 10.4, 10.0], split(1, 10), "a close of 1.05 before and 10.4 after it"),
    ],
)
def test_a_new_split_that_the_prices_do_not_show_yet_is_refused(
    closes: list[Any], ratio: dict[str, Any], seen: str
) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(with_events(stock(closes), splits={"2026-11-16": ratio}))
    assert str(caught.value).startswith("yahoo: AAA: expected prices divided by the split of ")
    assert str(caught.value).endswith(seen)


def test_a_split_without_a_price_since_cannot_be_undone() -> None:
    document = with_events(stock([10.0, 10.5, 10.4], days=SESSIONS[:3]), splits={"2026-11-17": split(2)})
    with pytest.raises(SourceChanged, match="no price since, the last one of 2026-11-16"):
        parse(document, fetched_at=datetime(2026, 11, 17, 13, 0, tzinfo=UTC))


def test_a_bad_day_on_a_small_split_is_no_missing_split() -> None:
    document = with_events(stock([10.0, 10.0, 9.4, 9.5]), splits={"2026-11-16": split(21, 20)})
    assert prices(document)[date(2026, 11, 13)] == 10.5


def test_the_window_is_what_was_asked_up_to_the_last_closed_session() -> None:
    held = payload(stock([10.0, 10.5, 10.4, 10.6]), fetched_at=datetime(2026, 11, 17, 17, 0, tzinfo=UTC))
    window = Window("AAA", date(2026, 11, 12), date(2026, 11, 16), table_id="yahoo.prices")
    found = yahoo_prices.windows(held, yahoo_prices.parse(held))
    assert found[0] == window
    assert {one.table_id for one in found} == {"yahoo.prices", "yahoo.splits", "yahoo.dividends"}


def test_the_window_of_a_recycled_ticker_begins_with_its_new_bearer() -> None:
    held = payload(stock([10.0, 10.5, 10.4, 10.6]), start="2026-10-01")
    found = yahoo_prices.windows(held, yahoo_prices.parse(held))
    assert {window.start for window in found} == {date(2026, 11, 12)}, "the day of its first trade"


# ---- asking through yfinance


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def serve(server: Server, *symbols: str) -> None:
    for symbol in symbols:
        document = stock([10.0, 10.5, 10.4, 10.6])
        document["chart"]["result"][0]["meta"]["symbol"] = symbol
        server.charts[symbol] = document


def ask(
    server: Server, *tickers: str, http: LocalHttp | None = None, since: dict[str, date | None] | None = None
) -> list[Any]:
    upstream = f"http://127.0.0.1:{server.server_port}"
    context = FetchContext(
        source="yahoo",
        settings=Settings(_env_file=None, upstream=upstream, request_attempts=2, retry_wait_seconds=0),
        clock=clock_at(EVENING),
        http=http or LocalHttp(server),
        progress=lambda what, done, of: None,
        tickers=tickers,
        since=since or {},
    )
    return list(yahoo_prices.fetch(context))


def test_every_chart_is_archived_as_it_came(server: Server) -> None:
    names = [f"S{at:02}" for at in range(12)]
    serve(server, *names)
    http = LocalHttp(server)
    payloads = ask(server, *reversed(names), http=http)
    assert [one.name for one in payloads] == names
    assert payloads == http.kept
    assert {one.name: json.loads(one.body)["chart"]["result"][0]["meta"]["symbol"] for one in payloads} == {
        name: name for name in names
    }  # no thread took another's answer
    assert payloads[0].meta == {"symbol": "S00", "start": "2000-01-01", "panel": "prices"}
    assert "crumb" not in payloads[0].url


def test_one_request_per_symbol_and_events_are_asked_for(server: Server) -> None:
    serve(server, "AAA", "BRK-B")
    ask(server, "AAA", "BRK-B")
    charts = [(path, query) for path, query in server.requests if "/v8/finance/chart/" in path]
    assert sorted(path.rpartition("/")[2] for path, _ in charts) == ["AAA", "BRK-B"]
    assert "split" in charts[0][1]["events"][0]
    assert charts[0][1]["period1"] == [str(stamp("2000-01-01", NEW_YORK, "00:00"))]
    assert charts[0][1]["period2"] == [str(stamp("2026-11-18", NEW_YORK, "00:00"))]  # exclusive


def test_asks_the_last_thirty_sessions_again(server: Server) -> None:
    serve(server, "AAA")
    (one,) = ask(server, "AAA", since={"AAA": date(2026, 11, 13)})
    assert one.meta["start"] == "2026-10-05"


def test_a_429_in_the_middle_stops_the_asking_and_names_what_is_missing(server: Server) -> None:
    names = [f"S{at:03}" for at in range(100)]
    serve(server, *names)
    server.charts["S010"] = 429
    *came, error = ask(server, *names)
    arrived = {one.name for one in came}
    assert arrived >= set(names[:10])
    assert isinstance(error, SourceUnavailable)
    missing = [name for name in names if name not in arrived]
    assert "S010" in missing
    assert str(error) == (
        f"yahoo: prices: Yahoo limited us (HTTP 429): {len(missing)} of 100 symbols are missing "
        f"({', '.join(missing[:20])} and {len(missing) - 20} more), and no more was asked; what came is kept. "
        "Try again in an hour: the next run asks the missing ones first"
    )
    assert len(server.asked) < 50  # the other threads may ask some more before they hear of it


def test_the_next_run_asks_the_missing_ones_first(server: Server) -> None:
    names = [f"S{at:02}" for at in range(12)]
    serve(server, *names)
    held: dict[str, date | None] = {name: date(2026, 11, 16) for name in names}
    held |= {"S07": None, "S09": date(2026, 11, 13)}
    del held["S11"]
    payloads = ask(server, *names, since=held)
    assert [one.name for one in payloads[:4]] == ["S07", "S11", "S09", "S00"]


def test_one_of_many_symbols_failing_leaves_the_others(server: Server) -> None:
    serve(server, "AAA", "CCC", "EEE")
    server.charts |= {"BBB": chart("BBB", []), "DDD": 503}
    first, empty, third, down, fifth = ask(server, "AAA", "BBB", "CCC", "DDD", "EEE")
    assert [one.name for one in (first, third, fifth)] == ["AAA", "CCC", "EEE"]
    assert str(empty).startswith("yahoo: BBB: Yahoo gave no bar from 2000-01-01 on (HTTP 200)")
    assert str(empty).endswith("nothing landed for BBB")
    assert str(down).startswith("yahoo: DDD: Yahoo gave no chart (HTTP 503 on try 2 of 2")
    assert isinstance(empty, SourceUnavailable)
    assert isinstance(down, SourceUnavailable)


def test_all_nan_bars_are_silence(server: Server) -> None:
    server.charts["AAA"] = stock([None] * 4)
    (error,) = ask(server, "AAA")
    assert isinstance(error, SourceUnavailable)
    assert str(error).endswith("nothing landed for AAA")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (NOT_FOUND, "expected a chart of AAA, got the error"),
        ("<!DOCTYPE html><html>consent</html>", "expected JSON of a chart of AAA, got an HTML page"),
        ({"chart": {"result": [{}], "error": None}}, "expected meta in the chart, got only nothing"),
    ],
)
def test_a_broken_chart_reaches_the_parser(server: Server, found: Any, message: str) -> None:
    server.charts["AAA"] = found
    (one,) = ask(server, "AAA")
    assert isinstance(one, Payload), one
    with pytest.raises(SourceChanged) as caught:
        yahoo_prices.parse(one)
    assert message in str(caught.value)


@pytest.mark.parametrize(("former", "problems", "lacks"), [(set(), ["GONE"], []), ({"GONE"}, [], ["GONE"])])
def test_a_symbol_that_yahoo_does_not_know_is_an_error_but_of_a_former_member(
    server: Server, former: set[str], problems: list[str], lacks: list[str]
) -> None:
    serve(server, "AAA")
    server.charts["GONE"] = NOT_FOUND
    context = FetchContext(
        source="yahoo",
        settings=Settings(_env_file=None, upstream=f"http://127.0.0.1:{server.server_port}", request_attempts=1),
        clock=clock_at(EVENING),
        http=LocalHttp(server),
        progress=lambda what, done, of: None,
        tickers=["AAA", "GONE"],
        former=former,
    )
    batch = collect(connector("yahoo_prices"), context)
    assert [one.payload for one in batch.problems] == problems
    assert [one.payload for one in batch.unknown] == lacks
    assert {window.group for window in batch.windows} == {"AAA"}
    assert batch.tables["yahoo.prices"]["ticker"].unique().to_list() == ["AAA"]


def test_nothing_more_is_asked_when_nobody_wants_the_rest(server: Server) -> None:
    names = [f"S{at:03}" for at in range(60)]
    serve(server, *names)
    context = FetchContext(
        source="yahoo",
        settings=Settings(_env_file=None, upstream=f"http://127.0.0.1:{server.server_port}"),
        clock=clock_at(EVENING),
        http=LocalHttp(server),
        progress=lambda what, done, of: None,
        tickers=names,
    )
    fetching = yahoo_prices.fetch(context)
    next(fetching)
    fetching.close()  # type: ignore[attr-defined]
    assert len(server.asked) < len(names)


def test_the_pace_is_that_of_all_threads_together(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(yfinance_client.time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(yfinance_client.time, "sleep", slept.append)
    answer = SimpleNamespace(status_code=200, headers={}, content=b"")
    monkeypatch.setattr(yfinance_client.requests.Session, "request", lambda self, *args, **more: answer)
    session = yfinance_client._Session(Settings(_env_file=None), lambda url: url)
    threads = [threading.Thread(target=session._once, args=("GET", "https://x.test/")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [0.0, 0.5, 1.0, 1.5]  # two a second


def test_a_stand_in_is_not_paced_and_a_far_upstream_is() -> None:
    def pause(upstream: str | None) -> float:
        pace: float = yfinance_client._Session(Settings(_env_file=None, upstream=upstream), lambda url: url)._pause
        return pace

    assert pause("http://127.0.0.1:8765") == 0.0
    assert pause(None) == pause("https://mirror.test") == 0.5


def test_a_dividend_in_another_currency_is_named_and_left_out_and_the_rest_stands() -> None:
    dividends = {"2026-11-13": {"amount": 0.25, "currency": "USD"}, "2026-11-16": {"amount": 40.0, "currency": "JPY"}}
    with pytest.raises(
        PartOfPayloadChanged, match=r"expected unit 'USD' of the dividend of 2026-11-16, got 'JPY'"
    ) as told:
        parse(with_events(stock([5.0, 5.25, 5.4, 5.5]), dividends=dividends))
    assert told.value.rows["yahoo.dividends"]["dividend_usd"].to_list() == [0.25]
    assert told.value.rows["yahoo.prices"].height == 4
