"""`tidegauge claims`: what became of the claims, and the same figures once more from the published file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ingest.errors import AuditFailed, QueryRefused
from ingest.home import Home, nothing_published

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    from rich.table import Table

    from warehouse.derived_table import DerivedTable

_Ids = Annotated[list[str] | None, typer.Argument(help="Claims, such as C-VOL-01; none: the list of all.")]

_SIGNIFICANT: Final = 1e-9


def recompute(published: Path, ids: Sequence[str]) -> dict[str, list[str]]:
    """Test claims anew from the published file; return per claim what differs from it, nothing where all is the same.

    The definitions are those of the file, so that a claim is recomputed as it was run, whatever the register says now.
    The correction for the number of tests needs all of them: of some alone it is taken from the file, and the verdict
    follows from it.
    """
    import duckdb

    from analytics.claims.definition import read_definitions
    from analytics.claims.engine import run
    from analytics.claims.tables import COMPARED, frames_of
    from analytics.claims.verdicts import with_verdicts
    from analytics.claims.world import World

    with duckdb.connect(str(published), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        claims, versions = read_definitions(con, ids)
        world = World(con, claims)
        ledger = run(world, claims, versions)
        rows = ledger.results
        if ids:
            rows = _others(con, ids) + rows
        with_verdicts(
            rows,
            universal={(one.id, days) for one in claims for days in one.universal_horizons},
            young={one.id for one in claims if one.waits_for_history},
        )
        found = frames_of(world, ledger)
        held = {table.name: con.execute(f"from {table.path}").pl() for table in COMPARED}
    return {
        claim.id: [line for table in COMPARED for line in _differences(table, held, found, claim.id)]
        for claim in claims
    }


def _others(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the results of all other claims as they are in the file."""
    return con.execute("from claims.results where claim_id not in $ids", {"ids": list(ids)}).pl().to_dicts()


def _differences(
    table: DerivedTable, held: Mapping[str, pl.DataFrame], found: Mapping[str, pl.DataFrame], claim_id: str
) -> list[str]:
    import polars as pl

    key = [name for name in table.key if name not in ("claim_id", "claim_version")]
    before, after = (of[table.name].filter(pl.col("claim_id") == claim_id).sort(key) for of in (held, found))
    if before.select(key).rows() != after.select(key).rows():
        return [f"{table.name}: {before.height} rows in the file, {after.height} now"]
    told = []
    for name in before.columns:
        if before[name].equals(after[name]):
            continue
        for row, one, other in zip(before.select(key).rows(), before[name], after[name], strict=True):
            if not _same(one, other):
                told.append(f"{table.name} {' '.join(map(str, row))}: {name} is {one} in the file, {other} now")
    return told


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= _SIGNIFICANT * max(1.0, abs(one))
    return bool(one == other)


def show(home: Home, ids: Sequence[str]) -> None:
    """Print the claims; with ids their results too, recomputed and compared. AuditFailed where they differ."""
    import duckdb
    from rich.console import Console

    if not home.published.exists():
        raise nothing_published(home)
    console = Console()
    with duckdb.connect(str(home.published), read_only=True) as con:
        if not con.execute("from duckdb_tables() where schema_name = 'claims' and table_name = 'results'").fetchone():
            raise QueryRefused("this release has no claims: an older version published it; `tidegauge run` makes one")
        known = dict(con.execute("select claim_id, verdict_text from claims.claims order by 1").fetchall())
        if unknown := [one for one in ids if one not in known]:
            raise QueryRefused(f"no claim {', '.join(unknown)}; `tidegauge claims` lists them")
        console.print(_list(con, ids))
        for one in ids:
            console.print(known[one])
            console.print(_figures(con, one))
    if not ids:
        return
    differing = {claim: told for claim, told in recompute(home.published, ids).items() if told}
    for claim, told in differing.items():
        for line in told[:20]:
            console.print(f"{claim} {line}")
    if differing:
        raise AuditFailed(f"recomputed from the published file, {', '.join(differing)} differ from what it says")
    console.print("Recomputed from the published file alone: the same figures.")


def _list(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table("claim", "verdict", "what it says")
    rows = con.execute("select claim_id, verdict, claim_text from claims.claims order by claim_id").fetchall()
    for row in rows:
        if not ids or row[0] in ids:
            table.add_row(*row)
    return table


def _figures(con: duckdb.DuckDBPyConnection, claim_id: str) -> Table:
    from rich.table import Table

    table = Table("test", "events", "hits", "all", "median", "p", "verdict")
    query = """
        select parameter_set, outcome, horizon_count, n_events, n_pending, hit_ratio, hit_low_ratio, hit_high_ratio,
            baseline_ratio, "median", p_shift, verdict
        from claims.results where claim_id = ? order by horizon_count, outcome, parameter_set
    """
    for name, outcome, horizon, events, pending, hit, low, high, base, median, p, verdict in con.execute(
        query, [claim_id]
    ).fetchall():
        table.add_row(
            f"{outcome} {horizon}, {name}",
            f"{events or 0}" + (f" +{pending}" if pending else ""),
            "" if hit is None else f"{hit:.0%} ({low:.0%}-{high:.0%})",
            "" if base is None else f"{base:.0%}",
            "" if median is None else f"{median:.3g}",
            "" if p is None else f"{p:.3f}",
            verdict or "",
        )
    return table


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(claims)


def claims(ids: _Ids = None) -> None:
    """What became of the claims; with ids, each of them computed once more from the published file and compared."""
    from ingest.home import home_at
    from ingest.settings import load_settings

    show(home_at(load_settings().home), ids or [])
