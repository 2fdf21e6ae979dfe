"""The newest vintage of each key of a raw table, withdrawals included: one view per table, made in warehouse.ddl.

Newest is the greatest `known_at`; of two vintages of one moment the one that landed later, and of two that landed
together the one of the greater payload hash, so that every path picks the same. A withdrawn key is a row whose values
are all NULL: whoever wants values leaves it out after, never before, or an older value would revive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NEWEST_FIRST: Final = "known_at desc, loaded_at desc, payload_sha256 desc"
"""The order of vintages of one key."""


IN_FILE: Final = "_in_file"
"""What is added to the name of a raw table for the part of it that the build file keeps where a lake has the rest."""


def latest_of(table_id: str) -> str:
    """Return the name of a raw table's view of newest vintages: `yahoo.prices_latest`."""
    return f"{table_id}_latest"


def newest(rows: str, keys: Sequence[str]) -> str:
    """Return the SQL `from …` of the newest vintage of each key among `rows`: a table, or a query in brackets.

    The views are this over whole tables. DuckDB ranks a whole view before it joins it, which takes seconds on a large
    table: what is asked of a part of one (landing, breadth) cuts that part out first and hands it in.
    """
    return f"from {rows} qualify row_number() over (partition by {', '.join(keys)} order by {NEWEST_FIRST}) = 1"
