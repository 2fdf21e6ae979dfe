"""`tidegauge rebuild`: the archive replayed, source by source, through the same parse, gate and landing as a run."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.catalog import SOURCES, Catalog, load_catalog
from ingest.home import Home
from ingest.panel_desks import PANEL_DESKS
from ingest.settings import Settings
from orchestration.session import Progress

if TYPE_CHECKING:
    import polars as pl

    from ingest.archive import Archive
    from ingest.kit import Batch, GateResult
    from ingest.panel_kit import PanelBatch
    from warehouse.rebuild import RebuildResult


def rebuild_home(settings: Settings, progress: Progress) -> RebuildResult:
    """Replay the archive into a fresh build file and put it in place; AuditFailed when its rows differ from the old."""
    from ingest.archive import Archive
    from ingest.gate import gate
    from orchestration.ingestion import judge as judge_series
    from orchestration.panel_ingestion import judge as judge_panel
    from warehouse.connection import WriterLock
    from warehouse.rebuild import rebuild

    catalog = load_catalog()
    home = Home(settings.home.resolve()).ensure()

    def judge(batch: Batch, previous: pl.DataFrame) -> GateResult:
        return gate(batch, catalog, previous, batch.fetched_at)

    with WriterLock(home):
        archive = Archive(home.archive)
        return rebuild(
            home,
            _batches(archive, catalog, progress),
            judge,
            catalog,
            run_id="rebuild",
            now=settings.clock(),
            panels=_panels(archive, progress),
            panel_gate=judge_panel,
            series_gate=lambda con, batch: judge_series(con, batch, catalog, batch.fetched_at),
        )


def _batches(archive: Archive, catalog: Catalog, progress: Progress) -> Iterator[Batch]:
    """Yield every batch of every source by the time it was fetched: some are judged beside what others brought."""
    from ingest.collect import replay

    # Of one moment the order is that of a run, which asks the sources by name.
    sources = [replay(archive, source, catalog.of_source(source)) for source in sorted(SOURCES)]
    for done, batch in enumerate(heapq.merge(*sources, key=lambda batch: batch.fetched_at), start=1):
        progress(f"replaying {batch.source}", done, None)
        yield batch


def _panels(archive: Archive, progress: Progress) -> Iterator[PanelBatch]:
    """Yield every batch of every desk by the time it was fetched: desks are judged beside what others brought."""
    from ingest.panel_collect import replay_panel

    desks = [replay_panel(archive, desk) for desk in PANEL_DESKS]
    # Of one moment the earlier desk comes first: merge keeps the order of its inputs.
    for done, batch in enumerate(heapq.merge(*desks, key=lambda batch: batch.fetched_at), start=1):
        progress(f"replaying {batch.name}", done, None)
        yield batch
