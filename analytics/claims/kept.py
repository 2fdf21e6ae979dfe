"""Claims that need no new test: of the last sound run, with the same definition, the same code and the same inputs.

What a claim's figures were made from has a fingerprint: its definition and words, the files of the engine, the
sessions, and the content of every feature, price and event that its conditions and outcomes read, as they are in this
run. One that is left is what a new test would give; one of them, drawn by the date, is tested anew and compared.
The correction for the number of tests is made anew over all rows, kept ones included.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb
import numpy as np
import polars as pl

from analytics.claims.definition import Claim
from analytics.claims.functions import Known, of_series
from warehouse.derived_table import DerivedTable, as_declared

if TYPE_CHECKING:
    from analytics.claims.engine import Ledger
    from analytics.claims.world import World

TABLE: Final = "claim.tested"
"""Per claim what its rows in the build file were made from; see warehouse/tables/claim.yml."""

_HERE: Final = Path(__file__).parent
_ENGINE: Final = (
    *sorted(_HERE.glob("*.py")),
    *(_HERE / name for name in ("features.yml", "sources.yml", "tables.yml")),
    *(_HERE.parent / "regimes" / name for name in ("forward_returns.py", "frames.py", "statistics.py")),
)


def take(con: duckdb.DuckDBPyConnection, tables: Collection[DerivedTable], test_all: str | None) -> dict[str, str]:
    """Return what the last sound run tested, and forget it: until this run is sound, nothing is known.

    Nothing may be left where `test_all` says why, or where a table is not as it is declared.
    """
    rows = con.execute(f"select claim_id, input_sha256 from {TABLE}").fetchall()
    con.execute(f"delete from {TABLE}")
    if test_all is not None or len(as_declared(con, tables)) < len(tables):
        return {}
    return dict(rows)


def keep(con: duckdb.DuckDBPyConnection, marks: Mapping[str, str], *, now: datetime, run_id: str) -> None:
    """Record what the claims of a run that passed its checks were made from."""
    if marks:
        con.execute(
            f"insert into {TABLE} select unnest(?), unnest(?), ?, ?", [[*marks], [*marks.values()], now, run_id]
        )


def marks_of(world: World, claims: Iterable[Claim], versions: Mapping[str, int]) -> dict[str, str]:
    """Return the fingerprint of each claim that is tested on events: of all that its rows are made from."""
    sessions = [of_series(column) for column in world.spine.sessions.get_columns()]
    common = [engine_version(), *sessions, hashlib.sha256(world.buckets.tobytes()).hexdigest()]
    of_feature = cache(lambda name: _content(world.features[name]))

    def read(claim: Claim) -> Iterable[str]:
        for name in sorted(claim.features()):
            for known in (name, *(f"{name}@{member}" for member in world.members(claim))):
                if known in world.features:
                    yield f"{known} {of_feature(known)}"

    return {
        claim.id: _digest(
            [
                *common,
                claim.model_dump_json(),
                repr(versions.get(claim.id, 1)),
                repr(world.missing(claim)),
                repr(world.sources[claim.source]),
                repr(world.members(claim)),
                *read(claim),
                *(world.outcomes.mark(one) for outcome in claim.outcomes for one in world.of_members(claim, outcome)),
            ]
        )
        for claim in claims
        if claim.kind == "test"
    }


@cache
def engine_version() -> str:
    """Return the fingerprint of all code that a test runs, and of the libraries whose figures it takes."""
    files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in _ENGINE]
    return _digest([*files, np.__version__, pl.__version__, duckdb.__version__])


def _content(known: Known) -> str:
    return _digest([of_series(one) for one in (known.values, known.periods) if one is not None])


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Rows:
    """The rows of claims of one build file or release, by claim."""

    def __init__(self, con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> None:
        self._of: dict[str, dict[str, pl.DataFrame]] = {}
        for name in _TABLES if ids else ():
            rows = con.execute(f"from claims.{name} where claim_id in $ids order by rowid", {"ids": ids}).pl()
            self._of[name] = {str(key): frame for (key,), frame in rows.partition_by("claim_id", as_dict=True).items()}

    def __contains__(self, claim_id: object) -> bool:
        """Say whether there are results of a claim."""
        return claim_id in self._of.get("results", {})

    def add(self, claim_id: str, ledger: Ledger) -> None:
        """Put the rows of a claim into the ledger."""
        for rows, name in ((ledger.results, "results"), (ledger.regressions, "regressions")):
            if claim_id in self._of[name]:
                rows += self._of[name][claim_id].to_dicts()
        for frames, name in ((ledger.conditions, "conditions_daily"), (ledger.events, "events")):
            if claim_id in self._of[name]:
                frames.append(self._of[name][claim_id])

    def differing(self, claim_id: str, found: Mapping[str, pl.DataFrame]) -> int:
        """Return how many of a claim's rows are not those of `found`, tables by name, or the other way round.

        Verdicts are left out: they hang on the tests of all claims.
        """
        count = 0
        for name, now in found.items():
            columns = [one for one in now.columns if one not in _OF_ALL]
            before = self._of[name].get(claim_id, now.clear()).select(columns)
            own = now.select(columns)
            count += len(Counter(before.rows()) - Counter(own.rows()) + (Counter(own.rows()) - Counter(before.rows())))
        return count


_TABLES: Final = ("results", "regressions", "conditions_daily", "events")
_OF_ALL: Final = frozenset({"q_value", "q_value_opposite", "verdict", "verdict_reason"})
"""Columns of results that hang on the results of all claims."""
