"""Whose Form 13F is kept: `managers_of(home)` reads the user's file where there is one, else the catalog's list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ingest.catalog.managers import default_managers
from ingest.errors import SourceChanged
from ingest.home import Home

USERS_FILE: Final = Path("sec/managers_13f.csv")
"""Below user_files."""

MOST: Final = 1000

_CIK: Final = re.compile(r"\d{1,10}")


def managers_of(home: Home) -> tuple[str, ...]:
    """Return whose reports are kept, as the SEC's numbers of ten digits; SourceChanged names what cannot be used.

    The user's file has the columns cik,name; the name is for the user alone.
    """
    path = home.user_files / USERS_FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return tuple(sorted({one.cik for one in default_managers()}))
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error.strerror) if isinstance(error, OSError) else "bytes that are not UTF-8"
        raise _changed("a CSV with the columns cik,name", reason) from None
    header, *lines = text.splitlines() or [""]
    if header.partition(",")[0].strip().lower() != "cik":
        raise _changed("a header cik,name", repr(header[:80]))
    found = set()
    for number, line in enumerate(lines, start=2):
        cell = line.partition(",")[0].strip().strip('"')
        if line.strip():
            if _CIK.fullmatch(cell) is None:
                raise _changed(f"a CIK of up to ten digits in line {number}", repr(cell[:80]))
            found.add(cell.zfill(10))
    if not 1 <= len(found) <= MOST:
        raise _changed(f"1 to {MOST} managers", str(len(found)))
    return tuple(sorted(found))


def _changed(expected: str, seen: str) -> SourceChanged:
    return SourceChanged("sec_13f", f"user_files/{USERS_FILE.as_posix()}", expected=expected, seen=seen)
