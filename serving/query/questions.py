"""The questions of docs/queries.md, each with the SQL that answers it and what to watch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from ingest.settings import PROJECT_ROOT

PAGE: Final = PROJECT_ROOT / "docs" / "queries.md"
_QUESTION: Final = re.compile(r"^### (\d+)\. (.+?)\n\n```sql\n(.+?)```\n\n(.+?)\n(?=\n#|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """What an analyst asks, the SQL, and one or two sentences about units, clocks and unknowns."""

    number: int
    text: str
    sql: str
    note: str

    @property
    def marts(self) -> frozenset[str]:
        """The tables that the SQL reads, with their schema; a mart as of a moment counts as the mart."""
        found = re.findall(r"\b(marts|meta|claims)\.([a-z0-9_]+?)(?:_as_of)?\b(?!\.)", self.sql)
        return frozenset(f"{schema}.{name}" for schema, name in found) - {"marts.new_york"}


@cache
def questions() -> tuple[Question, ...]:
    """Return the questions in their order."""
    found = _QUESTION.findall(PAGE.read_text(encoding="utf-8"))
    return tuple(Question(int(number), text, sql.strip(), " ".join(note.split())) for number, text, sql, note in found)
