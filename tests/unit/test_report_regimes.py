"""The report's sections about the regime: what they say, what they escape, and that they may be missing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from analytics.regimes.composites import CLASSES
from analytics.regimes.followed import derive
from analytics.regimes.types import DIMENSIONS, UNKNOWN
from serving.readings import Headline, headline
from serving.report.axes import shared_axes
from serving.report.changes import changes
from serving.report.colours import CLASS_COLOURS
from serving.report.morning import newest_rows
from serving.report.regimes import morning_section, regime_sections
from tests.unit.regime_build import build_file, latent


def published(tmp_path: Path, *, with_truth: bool = True, explain: str = "Told.") -> duckdb.DuckDBPyConnection:
    truth = tmp_path / "truth.parquet"
    latent().write_parquet(truth)
    con = build_file(explain=explain)
    for table, frame in derive(con, truth=truth if with_truth else None).items():
        con.register("frame", frame)
        con.execute(f"create table {table.path} as from frame")
        con.unregister("frame")
    return con


def sections(con: duckdb.DuckDBPyConnection) -> str:
    """Return the sections of the regime as the page has them; the last session closed on 2021-02-03."""
    con.execute(
        """
        create schema if not exists meta;
        create or replace table marts.sessions as
            select date '2021-02-03' as session_date, timestamp '2021-02-03 21:00' as close_at;
        create or replace table meta.freshness as select timestamp '2021-02-04 14:20' as checked_at;
        """
    )
    rows = newest_rows(con)
    others = regime_sections(con, rows, shared_axes(con))
    return "".join((morning_section(con, rows, changes(con, rows)), *others.values()))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return sections(published(tmp_path_factory.mktemp("page")))


def test_the_headline_says_class_score_cut_off_and_why(page: str):
    assert '<span class="class c-calm">CALM</span>' in page
    assert "core score 0 of 12" in page
    assert "09:15 New York" in page
    assert '<p class="explain">Told.</p>' in page
    assert "came from CAUTION" in page
    assert "not advice and not a timing signal" in page


def test_the_strip_has_every_dimension_and_says_why_one_is_unknown(page: str):
    table = page[page.index('class="dims"') : page.index("</table>", page.index('class="dims"'))]
    assert table.count('<th scope="row">') == len(DIMENSIONS)
    assert '<th scope="row">Credit</th><td class="state"><span class="cell un">unknown</span>' in table
    assert '<span class="more">missing</span>' in table
    assert "0 points" in table
    assert page.count("<b>mixed</b>") == page.count("<b>normal</b>") == 1, "the composites"


def test_the_history_is_a_drawing_with_a_name(page: str):
    assert 'aria-label="Headline class and core score, 2020-01-01 – 2021-02-03"' in page
    assert 'aria-label="Class and dimensions, 2020-01-01 – 2021-02-03"' in page
    assert page.count("<svg") == 2


def test_what_followed_has_its_doubts_beside_it(page: str):
    followed = page[page.index('id="followed"') : page.index('id="validity"')]
    for told in ("Windows overlap", "Any session", "Worst tenth", "Episodes"):
        assert told in followed
    assert '<tr class="few">' in followed, "fewer than twenty episodes are grey"


def test_what_followed_says_at_which_price_it_began_and_shows_the_other_measures(tmp_path: Path):
    con = published(tmp_path)
    page = sections(con)
    assert "from the first open after the cut-off, without dividends" in page
    assert "Close to close" in page
    assert "With dividends" in page
    con.execute("update marts.regime_outcomes set entry_basis = 'close' where entry_basis is not null")
    con.execute(
        "update marts.regime_outcomes set median_return_ratio = null, reason_text = 'no dividends of <SPY>'"
        " where return_kind = 'total_return'"
    )
    page = sections(con)
    assert "from the first close after the cut-off (there are no opens)" in page
    assert "total return: no dividends of &lt;SPY&gt;" in page


def test_the_conditions_of_withdrawal_are_told_as_published_and_on_own_series(tmp_path: Path):
    con = published(tmp_path)
    con.execute("update marts.regime_falsification set is_met = (condition = 'often_unknown')")
    page = sections(con)
    assert page.count("as published</td>") == page.count("own series only</td>") == 4
    assert page.count("MET: withdraw the class") == page.count("met without substitutes") == 1


def test_validity_shows_conditions_references_and_episodes(page: str):
    assert "We withdraw the headline class when" in page
    assert "agreement is consistency, not proof" in page
    assert "0 testable here" in page
    assert "the market is simulated" in page


def test_the_truth_says_simulated(page: str):
    truth = page[page.index('id="truth"') :]
    assert truth.count('<p class="caption">SIMULATED') == 2
    assert "late cycle" in truth


def test_a_file_without_truth_does_not_speak_of_it(tmp_path: Path):
    assert "simulated truth" not in sections(published(tmp_path, with_truth=False))


def test_a_file_without_regimes_has_no_such_sections():
    con = duckdb.connect()
    con.execute("create schema marts")
    assert sections(con) == ""
    empty = build_file(10)
    empty.execute("delete from marts.regime_daily")
    assert sections(empty) == ""


def test_a_text_from_a_table_is_escaped(tmp_path: Path):
    page = sections(published(tmp_path, explain="<script>alert(1)</script>"))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_newest_regime_is_told_in_a_line(tmp_path: Path):
    told = headline(published(tmp_path))
    assert told == Headline("CALM", date(2021, 2, 3), "Told.")
    con = duckdb.connect()
    con.execute("create schema marts")
    assert headline(con) is None


def test_every_class_has_a_colour():
    assert tuple(CLASS_COLOURS) == (*CLASSES, UNKNOWN)
