"""OFR: one CSV, ISO dates, one header."""

from __future__ import annotations

from datetime import date

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged
from ingest.sources.ofr import ofr
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of

PAIRS = pairs_of("ofr")
HEADER = ",".join(ofr.HEADER)


def csv(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def parse(body: str | bytes):
    return ofr.parse(payload_of("ofr", body, name="financial stress index", meta={"series": "ofr_fsi"}), PAIRS)


def test_reads_the_index_and_nothing_else() -> None:
    rows = parse(csv("2026-11-12,-1.5,0,0,0,0,0,0,0,0", "2026-11-13,0.25,0,0,0,0,0,0,0,0"))
    assert cells(rows, "ofr_fsi") == {date(2026, 11, 12): -1.5, date(2026, 11, 13): 0.25}
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert rows["unit"].unique().to_list() == ["Index"]


def test_an_empty_cell_is_a_gap_and_zero_is_a_value() -> None:
    rows = parse(csv("2026-11-12,,0,0,0,0,0,0,0,0", "2026-11-13,0.0,0,0,0,0,0,0,0,0"))
    assert cells(rows, "ofr_fsi") == {date(2026, 11, 12): None, date(2026, 11, 13): 0.0}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (csv("11/12/2026,1,0,0,0,0,0,0,0,0"), "expected dates like %Y-%m-%d in column Date, got '11/12/2026'"),
        (csv("26-11-12,1,0,0,0,0,0,0,0,0"), "expected dates like %Y-%m-%d in column Date, got '26-11-12'"),
        (csv("2026-11-12,n/a,0,0,0,0,0,0,0,0"), "expected numbers in column OFR FSI, got 'n/a'"),
        (csv("2026-11-12,1,0,0"), "expected 10 cells in each line of CSV starting Date,OFR FSI,Credit"),
        (csv(), "expected at least one day, got a header and no rows"),
        ("Date,FSI\n2026-11-12,1\n", "expected the columns Date, OFR FSI, Credit"),
        ("<!DOCTYPE html><html>", "expected CSV starting Date,OFR FSI,Credit, got an HTML page"),
        (b"", "got an empty body"),
        (HEADER.encode() + b"\n2026-11-12,\xff", "in UTF-8, got byte 0xff at"),
    ],
)
def test_refuses(body: str | bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert str(caught.value).startswith("ofr: financial stress index: ")
    assert message in str(caught.value)


def test_asks_for_the_whole_file() -> None:
    http = FakeHttp({ofr.URL: csv("2026-11-12,1,0,0,0,0,0,0,0,0")})
    (payload,) = ofr.fetch(context_of("ofr", http, PAIRS))
    assert http.asked == [ofr.URL]
    assert ofr.windows(payload, ofr.parse(payload, PAIRS)) == [Window("ofr_fsi", None)]
