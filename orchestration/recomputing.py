"""Marts of a release, computed again from the archive: the answers it knew, through the code of a run, in a new file.

Nothing of the home's build file is read, and nothing of the home is written. What no archive holds comes out of the
release: what a person let in, and the claims as they were first registered. Regime rows are computed anew, those that
were lived among them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from ingest.catalog import Catalog, load_catalog
from ingest.connectors import CONNECTORS, Connector
from ingest.dataset import serving
from ingest.errors import QueryRefused
from ingest.home import Home
from orchestration.session import Progress, dbt_variables

if TYPE_CHECKING:
    import duckdb

    from ingest.settings import Settings
    from warehouse.known_release import KnownArchive, KnownRelease

RUN_ID: Final = "recomputed"


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Marts computed again: `path` is their file, which nobody has open; how many answers of whom they came from."""

    path: Path
    release: KnownRelease
    publishers: tuple[str, ...]
    answers_count: int


@dataclass(frozen=True, slots=True)
class _Work:
    """What has to be made. `models` None: all of them, and after them regimes and claims."""

    models: frozenset[str] | None
    tables: frozenset[str]  # that the models rest on, raw ones and our own
    connectors: tuple[Connector, ...]

    @property
    def is_all(self) -> bool:
        return self.models is None

    def rests_on(self, *schemas: str) -> bool:
        """Say whether a table of one of these schemas is needed."""
        return self.is_all or any(table.partition(".")[0] in schemas for table in self.tables)


@contextmanager
def recomputed(
    settings: Settings, home: Home, con: duckdb.DuckDBPyConnection, marts: Collection[str], progress: Progress
) -> Iterator[Recomputed]:
    """Compute tables of the release `con` of a home again ("marts.carry_daily"); the file goes at the end.

    QueryRefused for a table that rests on no answer, and a release that does not say for which moment it was computed;
    ArchiveDamaged where an answer is missing or is not what was archived; AuditFailed where a mart cannot be built.
    """
    from orchestration.dbt_bridge import run_models
    from orchestration.dbt_state import kept_under
    from warehouse.connection import home_errors
    from warehouse.known_release import KnownArchive, known_release

    release = known_release(con)
    catalog = load_catalog()
    with TemporaryDirectory(prefix="tidegauge-recomputed-") as folder:
        apart = Home(Path(folder))
        with home_errors(apart), kept_under(apart.dbt):
            work = _work(marts, catalog)
            archive = KnownArchive(home.archive, release)
            names = {one.name for one in work.connectors}
            archive.require(names)
            _land(settings, home, apart, release, archive, work, catalog, progress)
            variables = dbt_variables(release.evaluated_at, release.origin, release.run_id)
            run_models(apart.warehouse, work.models, variables, progress)
            if work.is_all:
                _derive(home, apart, release, progress)
        count = sum(name in names for name, _ in release.answers.values())
        publishers = sorted({one.source for one in work.connectors})
        yield Recomputed(apart.warehouse, release, tuple(publishers), count)


# -- what is needed ------------------------------------------------------------------------------------------------


def _work(marts: Collection[str], catalog: Catalog) -> _Work:
    """Return what has to be made for `marts`: of a table that Python computes from marts, everything."""
    from analytics.claims.tables import CLAIM_TABLES
    from analytics.regimes.tables import REGIME_TABLES
    from analytics.regimes.truth import TRUTH_TABLES
    from orchestration.dbt_parsed import ensure_manifest

    truth = {f"{one.schema}.{one.name}" for one in TRUTH_TABLES} & set(marts)
    if truth:
        raise QueryRefused(f"{min(truth)} is the simulator's own account: no answer in the archive gives it")
    if {f"{one.schema}.{one.name}" for one in (*CLAIM_TABLES, *REGIME_TABLES)} & set(marts):
        return _Work(None, frozenset(), CONNECTORS)
    names = frozenset(mart.removeprefix("marts.") for mart in marts)
    tables = _sources(json.loads(ensure_manifest().read_text(encoding="utf-8")), names)
    return _Work(names, tables, _connectors(tables, catalog))


def _sources(manifest: Mapping[str, Any], marts: Collection[str]) -> frozenset[str]:
    """Return the tables that marts rest on in the end, which no model makes."""
    nodes = manifest["nodes"]
    reached = [name for name, node in nodes.items() if node["name"] in marts and node["schema"] == "marts"]
    seen = set(reached)
    while reached:
        more = set(nodes[reached.pop()]["depends_on"].get("nodes", ())) - seen
        seen |= more
        reached += more & nodes.keys()
    sources = (manifest["sources"][name] for name in seen & manifest["sources"].keys())
    return frozenset(f"{one['source_name']}.{one['name']}" for one in sources)


def _connectors(tables: frozenset[str], catalog: Catalog) -> tuple[Connector, ...]:
    """Return who fills the tables, and who fills what their batches are judged beside."""
    from analytics.breadth.tables import INPUTS
    from warehouse.evidence import tables_of_evidence

    wanted = set(tables)
    if any(table.startswith("breadth.") for table in tables):
        wanted |= {*INPUTS, *(table.id for table in serving("symbols"))}
    if any(table.startswith(("options.", "implied_volatility.")) for table in tables):
        wanted |= {table.id for table in serving("option_quotes")}
    found: set[str] = set()
    while True:
        more = [one for one in CONNECTORS if one.name not in found and wanted & set(one.table_ids)]
        if not more:
            return tuple(one for one in CONNECTORS if one.name in found)
        for one in more:
            found.add(one.name)
            wanted |= tables_of_evidence(one.table_ids, one.source, catalog)


# -- making it -----------------------------------------------------------------------------------------------------


def _land(
    settings: Settings,
    home: Home,
    apart: Home,
    release: KnownRelease,
    archive: KnownArchive,
    work: _Work,
    catalog: Catalog,
    progress: Progress,
) -> None:
    """Land the answers in a new build file, and compute what stands between them and dbt."""
    from analytics.breadth.tables import update_breadth
    from analytics.options.implied_volatility_tables import update_at_the_money
    from analytics.options.tables import update_options
    from orchestration.ingestion import judge
    from orchestration.rebuilding import archived_in_order
    from warehouse.connection import connect, migrate
    from warehouse.keepsakes import take_decisions
    from warehouse.rebuild import land_again
    from warehouse.reference import replace_reference
    from warehouse.snapshot_store import store_in

    now = release.evaluated_at.replace(tzinfo=UTC)
    store = store_in(apart.snapshots, None)
    con = connect(apart)
    try:
        migrate(con)
        take_decisions(con, home.published)
        replace_reference(con, catalog, now)
        land_again(
            con,
            store,
            archived_in_order(archive, catalog, progress, work.connectors),
            lambda held, batch: judge(held, batch, catalog),
            catalog,
            run_id=RUN_ID,
        )
        if work.rests_on("breadth"):
            progress("computing breadth", 0, None)
            update_breadth(con, wide=settings.wide_universe, now=now)
        if work.rests_on("options", "implied_volatility"):
            progress("reading option chains", 0, None)
            update_options(con, store)
            update_at_the_money(con, store)
    finally:
        con.close()


def _derive(home: Home, apart: Home, release: KnownRelease, progress: Progress) -> None:
    """Compute regimes and claims from the marts."""
    from analytics.claims.definition import register
    from analytics.claims.tables import build_tables as build_claims
    from analytics.regimes.ledger import update_ledger
    from analytics.regimes.tables import build_tables as build_regimes
    from warehouse.connection import connect

    con = connect(apart)
    try:
        progress("computing regimes", 0, None)
        update_ledger(con, now=release.evaluated_at, run_id=release.run_id)
        build_regimes(con)
        progress("testing claims", 0, None)
        build_claims(con, register(home.claims), now=release.evaluated_at, run_id=release.run_id)
    finally:
        con.close()
