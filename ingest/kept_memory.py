"""Memory that DuckDB and polars let go stays with the process for a while, and the system may take it back.

DuckDB gives pages back after a second, polars after half of one, and both soon ask for as many again: one in six that a
daily run touches was touched anew, each for three microseconds of the kernel's. Kept for five seconds and then marked
as free to be taken, they cost nothing where memory is plenty; where it is not, the system takes them first.
"""

from __future__ import annotations

import os
from typing import Final

_KEPT: Final = "dirty_decay_ms:5000,muzzy_decay_ms:-1"
_VARIABLES: Final = ("DUCKDB_JE_MALLOC_CONF", "_RJEM_MALLOC_CONF")
"""What the allocator (jemalloc) of each library reads when the library is loaded: DuckDB's, polars'."""


def keep_freed_memory() -> None:
    """Set it for this process, before either library is imported, and for those it starts; a user's own words stand."""
    for name in _VARIABLES:
        os.environ.setdefault(name, _KEPT)
