"""The watchlists of the report: values with their change and age, unknown with its reason, in both languages."""

from __future__ import annotations

import re
from datetime import date, datetime

import duckdb

from analytics.watchlists.declared import items, watchlists
from analytics.watchlists.tables import build_watchlists
from serving.report.phrases import Phrases, phrases
from serving.report.watchlists import watchlists_section
from tests.unit.watchlist_world import insert, watchlist_world

DAYS = [date(2026, 2, 5), date(2026, 2, 6)]


def section(language: str = "en") -> str:
    with watchlist_world(DAYS) as con:
        for day, distance in zip(DAYS, (-1.5, -0.104), strict=True):
            insert(
                con,
                "trend_levels_daily",
                session_date=day,
                index_id="SPX",
                close_index=6932.3,
                nearest_below_distance_pct=distance,
                known_at=datetime(2026, 2, day.day, 23),
            )
        build_watchlists(con)
        words = Phrases(language, phrases(language).entries)
        found = watchlists_section(con, words)
        assert not words.missing
        assert not words.names
    return str(found)


def row(page: str, title: str) -> str:
    found = next(one for one in page.split("<tr") if f">{title}</th>" in one)
    return " ".join(re.sub(r"<[^>]*>", " ", found.partition(">")[2]).split())


def test_an_item_has_value_change_day_and_age() -> None:
    page = section()
    assert page.count("<tr") - page.count("<thead><tr") == len(list(items()))
    assert row(page, "S&amp;P 500 to its nearest trend trigger below") == (
        "S&amp;P 500 to its nearest trend trigger below true was false &gt;= -1: within 1 % of a trigger;"
        " none: no trigger below -0.10 % +1.40 2026-02-06 1 d"
    )
    assert "<svg" in page


def test_what_is_unknown_says_why() -> None:
    page = section()
    assert "unknown not supplied &lt;= 4 unknown" in row(page, "Fund managers&#39; cash")
    assert "0 of 6 warn" in page
    assert "6 unknown" in page


def test_every_word_is_there_in_chinese() -> None:
    page = section("zh")
    assert 'lang="en"' not in page
    assert all(one.title not in page for one in watchlists().values())


def test_a_file_without_watchlists_has_no_section() -> None:
    with duckdb.connect() as con:
        assert watchlists_section(con, phrases()) == ""
