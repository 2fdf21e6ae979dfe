"""What a reader meets is declared as the answer's fault, and what is ours stays visible as such."""

from __future__ import annotations

import csv
import logging
import zipfile

import polars as pl
import pytest

from ingest.errors import MOST_CHARACTERS, MOST_SEEN, NotAsked, SourceChanged, SourceUnavailable, told
from ingest.gathering import fetched, parsed
from tests.unit.fakes import payload_of

PAYLOAD = payload_of("ofr", "x", name="index")


def raising(error: Exception):
    def parse(_payload):
        raise error

    return parse


@pytest.mark.parametrize(
    "error",
    [
        pl.exceptions.ComputeError("could not parse"),
        pl.exceptions.DuplicateError("column"),
        zipfile.BadZipFile("no"),
        csv.Error("quote"),
        RecursionError("deep"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "no"),
    ],
)
def test_what_libraries_say_of_bytes_is_a_change_of_the_answer(error, caplog):
    caplog.set_level(logging.WARNING)
    found = parsed("ofr", PAYLOAD, raising(error))
    assert isinstance(found, SourceChanged)
    assert "expected an answer that can be read, got " in str(found)
    assert [record.exc_info for record in caplog.records] == [None]


@pytest.mark.parametrize("error", [TypeError("ours"), KeyError("ours"), AssertionError("ours")])
def test_what_is_ours_is_logged_with_its_trace(error, caplog):
    found = parsed("ofr", PAYLOAD, raising(error))
    assert "one that broke the reading: " in str(found)
    assert caplog.records[0].exc_info is not None


def test_after_the_deadline_nothing_more_is_fetched():
    def asking():
        yield SourceUnavailable("ofr", "a", "no answer")
        yield NotAsked("ofr", "b", "over", is_over=True)
        raise AssertionError("asked on")

    assert [error.payload for error in fetched("ofr", asking)] == ["a", "b"]


def test_a_sentence_is_one_short_line_without_a_page_in_it():
    page = "<!DOCTYPE html><html><head><title>403  Forbidden</title><script>x()</script></head><body><p>No</body>"
    assert told(f"HTTP 403: {page}") == "HTTP 403: 403 Forbidden"
    assert told("<html><body><h1>Gone</h1><p>for good</p></body>") == "Gone for good"
    assert told("5 of 7 in <observations>") == "5 of 7 in <observations>"
    assert told("a\n\tb\x1b[31mc\u202e") == "a b [31mc"
    assert len(told("x" * 10_000)) == MOST_CHARACTERS
    error = SourceChanged("ofr", "index", expected="y" * 1000, seen=f"{page}{'z' * 1000}")
    assert len(error.seen) <= MOST_SEEN
    assert "<" not in str(error)
    assert len(str(error)) < 400
