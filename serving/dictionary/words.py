"""What names and descriptions of the published file say beside their words: unit, grain, register rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from serving.units import unit_of as named_unit
from warehouse.release_file import SIMULATED_PREFIX

_STATED: Final = re.compile(
    r"(?:Percentile|Percentage points|Percent|USD|EUR|JPY|CNY|Index|Ratio|Basis points|Standard deviations|Number"
    r"|Billions|Shares)\b[^;]{0,40}(?=;)"
)
"""The unit with which the description of a figure begins."""
_GRAIN: Final = re.compile(r"\bOne row(?: per [^.;]+)?(?=[.;]|$)")
_REGISTER: Final = re.compile(r"\bRegister: ([^.]+)\.")
_RANGE: Final = re.compile(r"([A-Z]+)-(\d+)(?: to \1-(\d+))?")


def unit_of(column: str, kind: str, description: str | None) -> str:
    """Return the unit of a column: as its description states it, else as its name ends; nothing for text."""
    if kind == "BOOLEAN":
        return "yes or no"
    stated = _STATED.match(description or "") if kind not in ("VARCHAR", "DATE") else None
    if stated:
        return stated[0]
    if kind in ("VARCHAR", "DATE"):
        return ""
    return named_unit(column) or ""


def without_mark(description: str | None) -> str:
    """Return a description without the mark of a simulated file, which every page carries itself."""
    return (description or "").removeprefix(SIMULATED_PREFIX)


def first_sentence(description: str) -> str:
    """Return what a table is, in a sentence."""
    return re.split(r"(?<=\.)\s", description, maxsplit=1)[0]


def grain_of(description: str) -> str | None:
    """Return what one row is: the sentence of the description that says it."""
    found = _GRAIN.findall(description)
    return found[-1] if found else None


def register_ids(*texts: str | None) -> list[str]:
    """Return the rows of the indicator register that descriptions name, each of a range too: "VOL-01 to VOL-11"."""
    return list(dict.fromkeys(one for text in texts for one in _ids(text or "")))


def _ids(text: str) -> Iterator[str]:
    for said in _REGISTER.findall(text) or ([text] if _RANGE.match(text) else []):
        for family, first, last in _RANGE.findall(said):
            for number in range(int(first), int(last or first) + 1):
                yield f"{family}-{number:0{len(first)}d}"
