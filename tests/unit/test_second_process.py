"""The second process: it gives what the first one would, and whatever it cannot give the first one does."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import time
from concurrent.futures import CancelledError
from dataclasses import replace

import pytest

from ingest import pure_work
from ingest.batch import PartOfPayloadChanged, Window, empty_rows
from ingest.catalog import load_catalog
from ingest.connectors import connector
from ingest.errors import NotAsked, SourceChanged, SymbolUnknown
from ingest.gate import gate
from ingest.pure_work import begin_judging, begin_reading
from ingest.reading import Reading, read
from ingest.rules.evidence import Evidence
from ingest.second_process import READ, SecondProcess
from ingest.secrets import without_secrets
from tests.unit.fakes import pairs_of, payload_of
from tests.unit.series_batches import series_batch
from tests.unit.test_alternative_me import body
from tests.unit.test_gate import CATALOG, NOW, ratios

ONE = connector("alternative_me")
PAIRS = pairs_of("alternative_me")


@pytest.fixture(scope="module")
def second():
    """Return one that knows the catalog; it imports Great Expectations with its first batch."""
    found = SecondProcess()
    found.begin(READ, lambda: None, pure_work._know, load_catalog())
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _small_bodies_are_sent_too(monkeypatch):
    monkeypatch.setattr(pure_work, "SMALL", 0)


def of(text: str):
    return payload_of("alternative_me", text, name="fear and greed", meta={"series": "crypto_fear_greed"})


def begun(second: SecondProcess, text: str):
    return begin_reading(second, ONE, ONE.module, of(text), PAIRS)


def nowhere() -> Reading:
    raise AssertionError("the first process did it")


def not_here(second: SecondProcess, text: str) -> Reading:
    """Return what the second process itself made of a payload."""
    return second.begin(READ, nowhere, pure_work._read, ONE.name, of(text)).result()


def test_a_payload_reads_the_same_there(second):
    text = body(("2018-04-17", "24"), ("2018-04-13", "25"))
    there, here = not_here(second, text), read(ONE, ONE.module, of(text), PAIRS)
    (table_id,) = here.tables
    assert there.tables[table_id].equals(here.tables[table_id])
    assert there.tables[table_id].schema == here.tables[table_id].schema
    assert replace(there, tables={}) == replace(here, tables={})
    assert there.windows == [Window("crypto_fear_greed", None, table_id=table_id)]


def test_a_refused_payload_is_refused_in_the_same_words(second):
    text = body(("2026-02-12", "101"))
    (there,), (here,) = not_here(second, text).problems, read(ONE, ONE.module, of(text), PAIRS).problems
    assert type(there) is SourceChanged
    assert (str(there), there.source, there.payload, there.expected, there.seen) == (
        *(str(here), here.source, here.payload),
        *(here.expected, here.seen),
    )


def test_a_parsers_bug_is_met_in_the_first_process_with_its_traceback(second, monkeypatch, caplog):
    def parse(payload, pairs):
        raise KeyError("no such key")

    monkeypatch.setattr(ONE.module, "parse", parse)  # the second process has the real one
    monkeypatch.setattr(pure_work, "_read", log_and_return)
    with caplog.at_level(logging.ERROR, "tidegauge.collect"):
        (problem,) = begun(second, "[]").result().problems
    assert "broke the reading: KeyError: 'no such key'" in str(problem)
    assert "Traceback" in caplog.text


def log_and_return(*_arguments: object) -> Reading:
    """Do what `read` does with a bug: a line for the log, and a result."""
    logging.getLogger("tidegauge.collect").error("broke")
    return Reading()


def test_an_error_there_is_raised_here(second):
    def here():
        raise MemoryError("here")

    with pytest.raises(MemoryError, match="here"):
        second.begin(READ, here, pickle.loads, b"no pickle").result()


def test_a_batch_is_judged_the_same_there(second):
    table = ratios(**{"2026-06-01": 900.0})  # beyond its bounds
    batch = series_batch("cboe", table, [Window("put_call_total_ratio", None)], (), (), NOW)
    evidence = Evidence()
    there = begin_judging(second, batch, CATALOG, evidence, NOW).result()
    here = gate(batch, CATALOG, evidence, NOW)
    assert there.checks == here.checks
    assert there.held_back == here.held_back
    assert there.pages.keys() == here.pages.keys()
    for name in here.accepted:
        assert there.accepted[name].equals(here.accepted[name])
        assert there.refused[name].equals(here.refused[name])
    assert sum(rows.height for rows in here.refused.values()) == 1


def test_what_a_killed_process_was_to_do_is_done_here_and_the_log_says_why(caplog):
    killed = SecondProcess()
    with caplog.at_level(logging.WARNING, "tidegauge.second_process"):
        os.kill(killed.pid, signal.SIGKILL)
        texts = [body((f"2026-02-{day:02}", "5")) for day in range(1, 9)]
        work = [begun(killed, text) for text in texts]
        days = [one.result().tables["alternative_me.observations"]["period_date"][0].day for one in work]
    assert days == list(range(1, 9))
    assert "the second process ended (signal 9)" in caplog.text
    assert begun(killed, texts[0]).result().problems == ()  # and whatever comes later
    killed.close()


def test_a_closed_process_is_gone_and_nobody_waits_for_it():
    closed = SecondProcess()
    work = closed.begin(READ, nowhere, time.sleep, 600)
    closed.close()
    with pytest.raises(CancelledError):
        work.result()
    with pytest.raises(ProcessLookupError):
        os.kill(closed.pid, 0)


@pytest.mark.parametrize(
    "error",
    [
        SourceChanged("fred", "WALCL", expected="a table", seen="a page"),
        SymbolUnknown("yahoo", "XYZ", expected="a chart", seen="nothing"),
        NotAsked("fred", "WALCL", "not asked", is_over=True),
        PartOfPayloadChanged(empty_rows(), {"a": SourceChanged("fred", "WALCL", expected="a", seen="b")}),
    ],
)
def test_errors_cross_as_they_are(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, str(again)) == (type(error), error.args, str(error))
    assert again.__dict__.keys() == error.__dict__.keys()
    assert again.payload == error.payload


def test_no_key_goes_with_it():
    environment = {"FRED_API_KEY": "k", "TIDEGAUGE_LAKE": "s3://", "https_proxy": "http://", "PATH": "/bin"}
    assert without_secrets(environment) == {"PATH": "/bin"}
