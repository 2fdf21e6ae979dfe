"""How large an answer may be before anything reads it: bytes, lines, cells, nodes. Far above what publishers send.

A reader turns each comma or bracket into an object of Python's, up to sixty times the bytes that came. Counting them
first costs milliseconds, and holds the memory of a run to some hundred MiB whatever comes.
"""

from __future__ import annotations

from typing import Final

MAX_TEXT_BYTES: Final = 32 * 1024**2
MAX_LINES: Final = 250_000
MAX_CELLS: Final = 3_000_000
MAX_JSON_VALUES: Final = 2_000_000
MAX_JSON_CONTAINERS: Final = 250_000
MAX_XML_NODES: Final = 300_000
MAX_SHEET_XML_NODES: Final = 1_500_000

MAX_ROWS: Final = 40_000
"""Of a worksheet: Excel's last row, 1,048,576, is what a hostile or broken file names."""

MAX_COLUMNS: Final = 200
MAX_SHEET_CELLS: Final = 1_000_000
MAX_WORKBOOK_BYTES: Final = 32 * 1024**2
"""Of all members of a workbook together, unpacked."""

MAX_XLS_BYTES: Final = 8 * 1024**2
MAX_MEMBERS: Final = 1024  # a workbook of forty charts has 440


def oversize_of_text(body: bytes) -> tuple[str, str] | None:
    """Return what was expected and what came of a text with too many bytes, lines or cells; None where all is well."""
    return (
        _beyond(len(body), MAX_TEXT_BYTES, "bytes of text")
        or _beyond(body.count(b"\n") + body.count(b"\r"), 2 * MAX_LINES, "line ends")
        or _beyond(body.count(b",") + body.count(b"|"), MAX_CELLS, "cells")
    )


def oversize_of_json(body: bytes) -> tuple[str, str] | None:
    """Return what was expected and what came where JSON has too many values or containers."""
    return (
        _beyond(len(body), MAX_TEXT_BYTES, "bytes of JSON")
        or _beyond(body.count(b",") + body.count(b":"), MAX_JSON_VALUES, "values")
        or _beyond(body.count(b"[") + body.count(b"{"), MAX_JSON_CONTAINERS, "lists and objects")
    )


def oversize_of_xml(body: bytes, most: int = MAX_XML_NODES) -> tuple[str, str] | None:
    """Return what was expected and what came where XML that is read as a tree has too many nodes."""
    return _beyond(len(body), MAX_TEXT_BYTES, "bytes of XML") or _beyond(body.count(b"<"), 2 * most, "tags")


def _beyond(found: int, most: int, what: str) -> tuple[str, str] | None:
    return (f"at most {most} {what}", f"{found}") if found > most else None
