"""What one answer may take: rows, characters, seconds, memory."""

from __future__ import annotations

from typing import Final

ROWS: Final = 200
MOST_ROWS: Final = 2000
CHARACTERS: Final = 40_000
"""Of the rows of one answer. An assistant reads all of it, so it is asked to sum up rather than to page."""
CELL_CHARACTERS: Final = 2000

SECONDS: Final = 30
ADDRESS_SPACE: Final = 6 << 30
"""Of the whole process: what DuckDB's own limit does not count ends there too."""

DUCKDB: Final = ("memory_limit = '1GB'", "max_temp_directory_size = '1GB'", "threads = 2")
