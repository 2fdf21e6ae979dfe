"""The user's file of earnings dates, as read and on its way into the warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from ingest.archive import Archive
from ingest.batch import Window
from ingest.catalog import load_catalog
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.errors import SourceChanged
from ingest.gate import gate
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.sources.user_file import user_earnings, user_file
from tests.unit.fakes import FakeHttp, context_of, payload_of
from tests.unit.panel_helpers import panel_context, whole
from warehouse.connection import migrate
from warehouse.evidence import evidence
from warehouse.landing import land

NOW = datetime(2026, 8, 20, 14, tzinfo=UTC)
HEAD = "date,ticker,timing\n"


def parse(body: str) -> pl.DataFrame:
    payload = payload_of("user_file", body, name="earnings.csv", meta={"part": "earnings"})
    assert user_earnings.windows(payload, {}) == [Window("", None, None, table_id="user_file.earnings")]
    return whole(user_earnings.parse(payload), "user_file.earnings")


def test_tickers_are_spelled_one_way_and_days_may_have_moments() -> None:
    rows = parse("date,ticker,timing,known_at\n2026-08-20,AAA,BMO,2026-08-20T07:00\n2026-05-02,BR.B,AMC,\n")
    assert rows.select("ticker", "release_date", "timing", "stated_at").rows() == [
        ("BR-B", date(2026, 5, 2), "AMC", None),
        ("AAA", date(2026, 8, 20), "BMO", datetime(2026, 8, 20, 11)),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "expected a header date,ticker,timing"),
        ("ticker,date,timing\nAAA,2026-08-20,BMO\n", "expected a header date,ticker,timing[,known_at], got 'ticker,d"),
        ("<html>\nNot found\n", "expected a header date,ticker,timing[,known_at], got an HTML page"),
        (HEAD, "expected at least one line of values, got a header alone"),
        (HEAD + "08/20/2026,AAA,BMO\n", "expected a date as YYYY-MM-DD in line 2, got '08/20/2026'"),
        (
            HEAD + "2026-08-20,AAA,BMO\n2026-20-08,AAA,BMO\n",
            "expected a date as YYYY-MM-DD in line 3, got '2026-20-08'",
        ),
        (HEAD + "2026-08-20,aaa,BMO\n", "expected a ticker in capitals in line 2, got 'aaa'"),
        (HEAD + "2026-08-20,AAA,noon\n", "expected AMC or BMO as timing in line 2, got 'noon'"),
        (HEAD + "2026-08-20,AAA,\n", "expected AMC or BMO as timing in line 2, got ''"),
        (HEAD + "2026-08-20,AAA\n", "expected 3 cells in line 2"),
        (HEAD + "2026-08-20,B.B,BMO\n2026-08-20,B-B,AMC\n", "expected 2026-08-20 of B-B once"),
    ],
)
def test_refuses(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("user_file: earnings.csv: ")
    assert message in str(caught.value)


def test_no_file_is_nothing_and_the_file_is_no_series(tmp_path: Path) -> None:
    assert list(user_earnings.fetch(panel_context("user_file", FakeHttp({}), home=tmp_path))) == []
    (tmp_path / "user_files").mkdir()
    (tmp_path / "user_files/earnings.csv").write_text(HEAD + "2026-08-20,AAA,BMO\n")
    asked: list[Any] = list(user_earnings.fetch(panel_context("user_file", FakeHttp({}), home=tmp_path)))
    assert [one.name for one in asked] == ["earnings.csv"]
    assert list(user_file.fetch(context_of("user_file", FakeHttp({}), [], home=tmp_path))) == []


def test_lands_with_the_evening_of_the_day_and_a_date_to_come_as_it_was_seen(tmp_path: Path) -> None:
    (tmp_path / "user_files").mkdir()
    (tmp_path / "user_files/earnings.csv").write_text(
        HEAD + "2026-05-14,AAA,BMO\n2026-08-20,BBB,AMC\n2026-11-19,AAA,BMO\n2028-08-20,AAA,BMO\n"
    )
    settings, catalog = Settings(_env_file=None, home=tmp_path), load_catalog()
    with duckdb.connect() as con, Upstream(settings, clock_at(NOW), Archive(tmp_path / "archive")) as http:
        migrate(con)
        batch = collect(connector("user_earnings"), FetchContext("user_file", settings, clock_at(NOW), http))
        gated = gate(batch, catalog, evidence(con, batch, catalog), NOW)
        assert gated.refused["user_file.earnings"]["release_date"].to_list() == [date(2028, 8, 20)]
        land(con, batch, gated, catalog, "a run", NOW)
        rows = "select ticker, release_date, known_at from user_file.earnings order by release_date"
        assert con.execute(rows).fetchall() == [
            ("AAA", date(2026, 5, 14), datetime(2026, 5, 14, 22)),
            ("BBB", date(2026, 8, 20), datetime(2026, 8, 20, 14)),
            ("AAA", date(2026, 11, 19), datetime(2026, 8, 20, 14)),
        ]
