"""Symbols whose prices are wanted for their own sake."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.catalog.funds import load_funds
from ingest.catalog.watched import WATCHED_FILE, load_watched
from ingest.errors import ConfigError


def test_no_symbol_is_collected_for_two_reasons() -> None:
    assert {one.ticker for one in load_watched()}.isdisjoint(fund.ticker for fund in load_funds())
    assert [one.ticker for one in load_watched() if one.kind == "stock"] == ["MSFT"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ticker: USO", "ticker: GLD", "GLD: is there already, here or in funds.yml"),
        ("ticker: USO", "ticker: SPY", "SPY: is there already, here or in funds.yml"),
        ("ticker: USO", "ticker: uso", "entry 2: ticker"),
        ("category: gold", "category: silver", "entry 1: category"),
        ("symbols:", "symbol:", "expected the section symbols"),
    ],
)
def test_a_file_that_cannot_be_used_names_the_entry(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = WATCHED_FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "watched.yml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_watched(path)
