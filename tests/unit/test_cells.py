"""Cells of a column read as each of them alone does, and the message names the row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ingest.errors import SourceChanged
from ingest.readers.workbooks import is_blank, number_of, numbers_at
from tests.unit.fakes import payload_of

PAYLOAD = payload_of("ssga", "", name="history")
GAPS = ("", "--")


@pytest.mark.parametrize(
    "cell",
    [
        *(1, 1.5, True, float("nan"), float("inf"), date(2026, 9, 1), None),
        *("1.5", " 2 ", "-3", "1e3", "1,234.5", "1,5", "1_000", "--", " ", "nan", "inf", "n/a", "٣", "+.5", "0x1"),
    ],
)
def test_a_column_reads_like_its_cells(cell: Any) -> None:
    column = [["16-Sep-2026", 2.0], ["17-Sep-2026", cell]]
    alone = outcome(lambda: number_of(PAYLOAD, cell, GAPS, "NAV on 17-Sep-2026"))
    found = outcome(lambda: numbers_at(PAYLOAD, column, 1, GAPS, "NAV"))
    assert found == (alone if isinstance(alone, str) else [2.0, alone])


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except SourceChanged as error:
        return str(error)


@pytest.mark.parametrize(
    ("row", "answer"), [([], True), (["", " ", "\u00a0"], True), (["", "a"], False), ([0.0], False), ([None], False)]
)
def test_a_blank_row_has_nothing_but_empty_texts(row: list[Any], answer: bool) -> None:
    assert is_blank(row) is answer
