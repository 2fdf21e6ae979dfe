"""The report of the demo: what it says in Chinese, what it shows of what changed, how large it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
import typer

from orchestration.report_command import report
from serving.report.page import render
from serving.report.phrases import Phrases, phrases
from tests.cli import environment, tidegauge


@pytest.fixture(scope="module")
def published(demo_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(demo_home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        yield con


@pytest.fixture(scope="module")
def chinese(published: duckdb.DuckDBPyConnection) -> tuple[str, Phrases]:
    """Return the page with the phrases it was made of, which know what they lack."""
    words = Phrases("zh", phrases("zh").entries)
    return render(published, words), words


@pytest.fixture(scope="module")
def english(published: duckdb.DuckDBPyConnection) -> str:
    return render(published)


class _Said(HTMLParser):
    """The texts of a page that are not marked as English, and not code."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._foreign = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._foreign or ("lang", "en") in attrs or tag in ("code", "style", "title"):
            self._foreign += tag not in ("meta", "br", "path", "circle", "use")

    def handle_endtag(self, tag: str) -> None:
        self._foreign -= self._foreign > 0

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that is closed at once holds nothing."""

    def handle_data(self, data: str) -> None:
        if not self._foreign:
            self.texts.append(data.strip())


def test_no_phrase_of_the_page_stays_english_in_chinese(chinese):
    page, words = chinese
    assert words.missing == set(), "phrases of the page, and sentences made of such"
    assert '<html lang="zh">' in page
    assert "净流动性" in page
    said = _Said()
    said.feed(page)
    # Identifiers, tickers and names of publishers are single words or have capitals; two plain words are a phrase.
    english = [text for text in said.texts if re.search(r"\b[a-z]{3,} [a-z]{3,}\b", text)]
    assert english == []


def test_nearly_every_name_has_chinese_words(published, chinese):
    """A new mart, series or publisher may have none: then its own English name stands. Most have some."""
    _, words = chinese
    titles = published.execute("select title from marts.series union all select label from meta.readings").fetchall()
    told = sum(words.text(title) != title for (title,) in titles)
    assert told / len(titles) > 0.8, sorted(words.names)


def test_every_sentence_that_explained_a_class_can_be_said_in_chinese(published):
    words = phrases("zh")
    told = published.execute("select explain_text from marts.regime_daily using sample 200 (reservoir, 7)").fetchall()
    assert [text for (text,) in told if not re.search(r"[\u4e00-\u9fff]", words.text(text))] == []


def test_the_morning_says_what_changed_and_every_chart_what_it_shows(published, english: str):
    (before,) = published.execute(
        "select session_date from marts.regime_daily order by session_date desc offset 1 limit 1"
    ).fetchone() or (None,)
    assert f"What changed since the session of {before}" in english
    assert english.index('id="changes"') < english.index('id="charts"') < english.index('id="followed"')
    charts = re.findall(r"<figure><figcaption>.*?</figure>", english[english.index('id="charts"') :], re.DOTALL)
    ((count,),) = published.execute("select count(distinct chart_position) from meta.charts").fetchall()
    assert len(charts) == count
    for chart in charts:
        assert '<use href="#l' in chart or "up2" in chart, "on a shared axis"
        assert "Source:" in chart
        assert 'tidegauge query "select' in chart
        assert re.search(r'<span class="day">\d{4}-\d\d-\d\d</span>', chart), "the day of its last value"


def test_the_page_is_of_modest_size_and_simulated_figures_say_so(english: str):
    assert len(english.encode()) < 1_000_000
    assert '<p class="simulated" role="note">SIMULATED: ' in english
    assert "tidegauge (SIMULATED)" in english


def test_the_command_writes_the_page_in_a_language(demo_home: Path, tmp_path: Path):
    (tmp_path / "published").symlink_to(demo_home / "published")
    ran = tidegauge("report", "--lang", "zh", env=environment(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(tmp_path / "report" / "index.zh.html")
    assert "市场状态" in (tmp_path / "report" / "index.zh.html").read_text(encoding="utf-8")
    with pytest.raises(typer.BadParameter, match="expected one of en, zh, got fr"):
        report("fr")
