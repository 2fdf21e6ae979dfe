"""Fetch, archive, parse: what breaks is named, the rest goes on, and a rebuild reads the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from ingest.archive import Archive
from ingest.batch import PartOfPayloadChanged, Window, empty_rows
from ingest.catalog import SOURCES, load_catalog
from ingest.clock import clock_at
from ingest.collect import build_context, collect, replay
from ingest.connectors import connector
from ingest.errors import HomeUnusable, SourceChanged, SourceRefused, SourceUnavailable
from ingest.http import Upstream
from ingest.readers.parsing import rows_of, series_of
from ingest.settings import Settings
from ingest.sources import SOURCE_MODULES, source_module
from tests.unit.fakes import NOON, pairs_of, payload_of

PAIRS = pairs_of("japan_mof")
TWO, TEN, THIRTY = PAIRS


class Module:
    """A source whose payloads say what becomes of them: `body` is "day value", or what goes wrong."""

    def __init__(self, *items, end=None) -> None:
        self.items = items
        self.end = end

    def fetch(self, context):
        for number, item in enumerate(self.items):
            if isinstance(item, str):
                meta = {"series": series_of([TWO])}
                yield context.http.keep(payload_of("japan_mof", item, name=f"page {number}", meta=meta))
            elif isinstance(item, tuple):
                raise item[0]
            else:
                yield item

    def parse(self, payload, pairs):
        text = payload.body.decode()
        if text == "broken":
            raise SourceChanged("japan_mof", payload.name, expected="a table", seen="broken")
        if text == "bug":
            return {}["no such key"]
        if text == "part":
            problem = SourceChanged("japan_mof", payload.name, expected="10Y", seen="nothing")
            raise PartOfPayloadChanged(rows_of(payload, TWO, [date(2026, 1, 5)], [1.0]), {"jgb_10y_yield": problem})
        if text == "stranger":
            return rows_of(payload, TWO, [date(2026, 1, 5)], [1.0]).with_columns(pl.lit("alien").alias("series_id"))
        if text == "columns":
            return pl.DataFrame({"series_id": ["jgb_2y_yield"]})
        if text == "nothing":
            return empty_rows()
        days, values = zip(*(part.split() for part in text.split(";")), strict=True)
        return rows_of(payload, TWO, [date.fromisoformat(day) for day in days], [float(value) for value in values])

    def windows(self, payload, rows):
        return [Window(series_id, None, self.end) for series_id in rows["series_id"].unique()]


@pytest.fixture
def upstream(tmp_path):
    settings = Settings(_env_file=None, home=tmp_path)
    with Upstream(settings, clock_at(NOON), Archive(tmp_path / "archive")) as http:
        yield http


TABLE = "japan_mof.observations"


def gather(upstream, *items, end=None):
    settings = Settings(_env_file=None)
    context = build_context("japan_mof", load_catalog(), settings, clock_at(NOON), upstream)
    return collect(connector("japan_mof"), context, module=Module(*items, end=end))


def test_rows_carry_the_moment_and_bodies_are_dropped(upstream):
    batch = gather(upstream, "2026-01-05 1;2026-01-06 2")
    assert batch.rows["value"].to_list() == [1.0, 2.0]
    assert batch.rows["fetched_at"].unique().to_list() == [datetime(2026, 11, 17, 17, 0)]
    assert [payload.body for payload in batch.payloads] == [b""]
    assert batch.windows == (Window("jgb_2y_yield", None, table_id=TABLE),)
    assert batch.problems == ()


def test_a_broken_payload_is_a_problem_and_the_others_go_on(upstream):
    batch = gather(upstream, "2026-01-05 1", "broken", "2026-01-06 2")
    assert batch.rows["value"].to_list() == [1.0, 2.0]
    assert [str(problem) for problem in batch.problems] == ["japan_mof: page 1: expected a table, got broken"]
    assert len(batch.payloads) == 3


def test_an_unforeseen_error_names_payload_type_and_message(upstream):
    batch = gather(upstream, "bug", "2026-01-06 2")
    assert [str(problem) for problem in batch.problems] == [
        "japan_mof: page 0: expected the recorded layout, got one that broke the reading: KeyError: 'no such key'"
    ]
    assert isinstance(batch.problems[0], SourceChanged)
    assert batch.rows["value"].to_list() == [2.0]


def test_part_of_a_payload_may_break(upstream):
    batch = gather(upstream, "part")
    assert batch.rows["series_id"].to_list() == ["jgb_2y_yield"]
    assert [problem.expected for problem in batch.problems] == ["10Y"]
    assert batch.windows == (Window("jgb_2y_yield", None, table_id=TABLE),)


def test_an_error_that_ends_the_asking_keeps_what_came(upstream):
    refused = SourceRefused("japan_mof", "page 1", "no")
    batch = gather(upstream, "2026-01-05 1", (refused,), "2026-01-06 2")
    assert batch.rows["value"].to_list() == [1.0]
    assert batch.problems == (refused,)


def test_a_yielded_error_is_one_problem_among_answers(upstream):
    silent = SourceUnavailable("japan_mof", "page 1", "no answer")
    batch = gather(upstream, "2026-01-05 1", silent, "2026-01-06 2")
    assert batch.rows.height == 2
    assert batch.problems == (silent,)


def test_a_bug_in_fetch_is_a_named_problem(upstream):
    batch = gather(upstream, "2026-01-05 1", (ValueError("invalid literal"),))
    assert str(batch.problems[0]) == (
        "japan_mof: fetch: expected the recorded layout, got one that broke the reading: ValueError: invalid literal"
    )
    assert batch.rows.height == 1


def test_what_concerns_every_source_is_raised(upstream):
    with pytest.raises(HomeUnusable):
        gather(upstream, "2026-01-05 1", (HomeUnusable("the disk is full"),))


@pytest.mark.parametrize(("body", "error"), [("stranger", ValueError), ("columns", TypeError)])
def test_rows_nobody_agreed_on_are_a_bug(upstream, body, error):
    with pytest.raises(error, match=r"bug: (parse of )?japan_mof: page 0"):
        gather(upstream, body)


def test_of_overlapping_payloads_the_later_speaks_and_repeats_count_once(upstream):
    batch = gather(upstream, "2026-01-05 1;2026-01-06 2", "2026-01-06 3")
    assert batch.rows["value"].to_list() == [1.0, 3.0]
    assert gather(upstream, "2026-01-06 2;2026-01-06 2").rows.height == 1
    assert gather(upstream, "2026-01-06 2;2026-01-06 3").rows.height == 2  # which counts is for the gate to refuse


def test_a_lost_part_leaves_no_open_window(upstream):
    assert gather(upstream, "2026-01-05 1", "broken").windows == ()
    kept = Window("jgb_2y_yield", None, date(2026, 1, 31), TABLE)
    assert gather(upstream, "2026-01-05 1", "broken", end=kept.end).windows == (kept,)
    elsewhere = SourceUnavailable("japan_mof", "jgb_30y_yield", "no answer")
    assert gather(upstream, "2026-01-05 1", elsewhere).windows == (Window("jgb_2y_yield", None, table_id=TABLE),)


def test_nothing_came(upstream):
    batch = gather(upstream)
    assert batch.rows.is_empty()
    assert "fetched_at" in batch.rows.columns
    assert batch.rows.schema == gather(upstream, "2026-01-05 1").rows.schema


def test_a_replay_gives_the_same_batches(upstream, tmp_path):
    first = gather(upstream, "2026-01-05 1", "broken", "2026-01-06 2")
    later = datetime(2026, 11, 18, 17, 0, tzinfo=UTC)
    context = build_context("japan_mof", load_catalog(), Settings(_env_file=None), clock_at(later), upstream)
    second = collect(connector("japan_mof"), context, module=Module("2026-01-06 2"))  # the same body on another day
    upstream.flush()
    again = list(replay(Archive(tmp_path / "archive"), connector("japan_mof"), PAIRS, module=Module()))
    assert len(again) == 2
    for old, new in zip((first, second), again, strict=True):
        assert new.rows.equals(old.rows)
        assert new.windows == old.windows
        assert new.fetched_at == old.fetched_at
        assert [str(problem) for problem in new.problems] == [str(problem) for problem in old.problems]
        assert [replace(payload, headers={}) for payload in new.payloads] == list(old.payloads)
    assert list(replay(Archive(tmp_path / "archive"), connector("ofr"), PAIRS, module=Module())) == []


def test_the_registry_names_every_source_of_the_catalog():
    assert set(SOURCE_MODULES) == set(SOURCES)
    for name in ("fred", "federal_reserve", "user_file"):
        module = source_module(name)
        assert all(callable(getattr(module, what)) for what in ("fetch", "parse", "windows"))
    with pytest.raises(KeyError):
        source_module("nobody")
