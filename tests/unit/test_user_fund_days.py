"""User files of share counts: what is read, and which line an error names."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from ingest.batch import Window
from ingest.errors import SourceChanged
from ingest.sources.user_file import user_fund_days
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.fund_files import days, has_schema_of
from tests.unit.panel_helpers import panel_context

HEADER = "date,nav_usd,shares_outstanding_count"


def parse(text: str | bytes):
    payload = payload_of("user_file", text, name="fund_days/QQQ.csv", meta={"part": "fund_days", "fund": "QQQ"})
    return user_fund_days.parse(payload)["user_file.fund_days"]


def test_reads_the_shortest_file() -> None:
    rows = parse(f"{HEADER}\n2026-09-17,500.5,600000000\n2026-09-16,.,\n")
    assert days(rows) == {date(2026, 9, 16): (None, None, None), date(2026, 9, 17): (500.5, 600_000_000.0, None)}
    assert rows["ticker"].unique().to_list() == ["QQQ"]
    assert rows["stated_at"].null_count() == 2
    assert has_schema_of(rows, "user_file.fund_days")


def test_reads_net_assets_and_moments_of_new_york() -> None:
    rows = parse(
        f"{HEADER},net_assets_usd,known_at\r\n"
        "2026-09-16,500,1000000,500000000,2026-09-17T09:00\r\n"
        "2026-09-16,500,1100000,550000000,2026-09-18\r\n"
        "2026-09-17,501,1100000,551100000,\r\n"
    )
    assert rows["net_assets_usd"].to_list() == [500_000_000.0, 550_000_000.0, 551_100_000.0]
    assert rows["stated_at"].to_list() == [datetime(2026, 9, 17, 13), datetime(2026, 9, 19, 3, 59, 59), None]


def test_known_at_may_stand_without_net_assets() -> None:
    rows = parse(f"{HEADER},known_at\n2026-09-16,500,1000000,2026-09-17T09:00Z\n")
    assert rows["net_assets_usd"].to_list() == [None]
    assert rows["stated_at"].to_list() == [datetime(2026, 9, 17, 9)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,nav\n2026-09-16,1\n", f"expected a header {HEADER}[,net_assets_usd][,known_at], got 'date,nav'"),
        (f"{HEADER},known_at,net_assets_usd\n", "expected a header date,nav_usd,"),
        (f"{HEADER}\n\n", "expected at least one line of values, got a header alone"),
        (f"{HEADER}\n2026-09-16,1\n", "expected 3 cells in line 2, got '2026-09-16,1'"),
        (f"{HEADER}\n2026-09-16,1,2\n16.09.2026,1,2\n", "expected a date as YYYY-MM-DD in line 3, got '16.09.2026'"),
        (
            f"{HEADER}\n2026-09-16,1,many\n",
            "expected a number, nothing or a dot as shares_outstanding_count in line 2, got 'many'",
        ),
        (f"{HEADER}\n2026-09-16,-1,2\n", "expected no negative nav_usd in line 2, got '-1'"),
        (
            f"{HEADER}\n2026-09-16,1,2\n2026-09-16,1,3\n",
            "2026-09-16 once, or each time with its own known_at, got it again",
        ),
        (
            f"{HEADER},known_at\n2026-09-16,1,2,soon\n",
            "expected a moment in ISO 8601 as known_at in line 2, got 'soon'",
        ),
        (
            f"{HEADER},known_at\n2026-09-17,1,2,2026-09-17\n2026-09-16,1,2,2026-09-15T12:00\n",
            "expected a known_at that is not before the date in line 3, got '2026-09-15T12:00'",
        ),
        (
            f"{HEADER},net_assets_usd\n2026-09-16,500,600000,300000\n",
            "expected net assets of NAV x shares outstanding, in USD, got 0.001 times that on 1 of 1 days",
        ),
        ("", "got an empty body"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(text)
    assert str(caught.value).startswith("user_file: fund_days/QQQ.csv: expected ")
    assert message in str(caught.value)


def test_takes_the_files_of_known_funds_and_names_strangers(tmp_path: Path) -> None:
    folder = tmp_path / "user_files" / "fund_days"
    folder.mkdir(parents=True)
    (folder / "QQQ.csv").write_text(f"{HEADER}\n2026-09-17,500.5,600000000\n")
    (folder / "SPY.csv").write_text(f"{HEADER}\n2026-09-17,600.5,900000000\n")  # an issuer's fund may have history too
    (folder / "QQW.csv").write_text(f"{HEADER}\n")
    (folder / "QQQ.xlsx").write_bytes(b"PK")
    (folder / ".DS_Store").write_bytes(b"")
    http = FakeHttp({})
    items = list(user_fund_days.fetch(panel_context("user_file", http, home=tmp_path)))
    strangers = [str(item) for item in items if isinstance(item, SourceChanged)]
    assert len(strangers) == 2
    assert strangers[0].startswith("user_file: fund_days/QQQ.xlsx: expected a name like <TICKER>.csv (nearest: QQQ")
    assert strangers[1].startswith("user_file: fund_days/QQW.csv: expected a name like <TICKER>.csv (nearest: QQQ")
    assert strangers[1].endswith("got no fund of funds.yml")
    taken = [item for item in items if not isinstance(item, SourceChanged)]
    assert [(item.name, item.url) for item in taken] == [
        ("fund_days/QQQ.csv", "file:user_files/fund_days/QQQ.csv"),
        ("fund_days/SPY.csv", "file:user_files/fund_days/SPY.csv"),
    ]
    assert http.kept == taken
    assert user_fund_days.windows(taken[0], user_fund_days.parse(taken[0])) == [
        Window("QQQ", None, None, table_id="user_file.fund_days")
    ]


def test_no_folder_is_no_file(tmp_path: Path) -> None:
    assert list(user_fund_days.fetch(panel_context("user_file", FakeHttp({}), home=tmp_path))) == []
