"""Asking page after page: how many there may be, and when an answer shows that there are no more.

What a publisher says of its own pages is believed only as far as its first answer implies: a count that is broken (or
hostile) must not be asked for to the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Final

from ingest.payload import Payload
from ingest.readers.parsing import changed

MAX_PAGES: Final = 100
"""Of one question. The longest that any publisher needs has eight."""


@dataclass(slots=True)
class Paging:
    """Follows the pages of one question; each holds `size` entries, the last one perhaps fewer."""

    size: int
    _first: int | None = None
    _page: int = 0
    _seen: set[str] = field(default_factory=set)

    def has_more(self, payload: Payload, found: int, total: int) -> bool:
        """Return whether to ask for another page, after one with `found` entries of `total` stated.

        SourceChanged where more is stated and cannot be: too many pages, a page that is empty, short or the same as
        one before, a total that grew by more than a page since the first.
        """
        self._page += 1
        pages = ceil(total / self.size)
        if self._first is None:
            self._first = pages
        if self._page >= pages:
            return False
        if pages > MAX_PAGES or pages > self._first + 1:
            expected = f"at most {min(MAX_PAGES, self._first + 1)} pages of {self.size} entries"
            raise changed(payload, expected, f"{total} entries stated")
        if found < self.size:
            raise changed(payload, f"{self.size} entries on page {self._page} of {pages}", str(found))
        if payload.sha256 in self._seen:
            raise changed(payload, f"page {self._page} of {pages}", "a page that came before")
        self._seen.add(payload.sha256)
        return True
