"""`tidegauge rebuild`: the archive replayed, source by source, through the same parse, gate and landing as a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.catalog import SOURCES, Catalog, load_catalog
from ingest.home import Home
from ingest.settings import Settings
from orchestration.session import Progress

if TYPE_CHECKING:
    import polars as pl

    from ingest.archive import Archive
    from ingest.kit import Batch, GateResult
    from warehouse.rebuild import RebuildResult


def rebuild_home(settings: Settings, progress: Progress) -> RebuildResult:
    """Replay the archive into a fresh build file and put it in place; AuditFailed when its rows differ from the old."""
    from ingest.archive import Archive
    from ingest.gate import gate
    from warehouse.connection import WriterLock
    from warehouse.rebuild import rebuild

    catalog = load_catalog()
    home = Home(settings.home.resolve()).ensure()

    def judge(batch: Batch, previous: pl.DataFrame) -> GateResult:
        return gate(batch, catalog, previous, batch.fetched_at)

    with WriterLock(home):
        batches = _batches(Archive(home.archive), catalog, progress)
        return rebuild(home, batches, judge, catalog, run_id="rebuild", now=settings.clock())


def _batches(archive: Archive, catalog: Catalog, progress: Progress) -> Iterator[Batch]:
    """Yield every batch of every source, each source's in the order in which it was fetched."""
    from ingest.collect import replay

    for source in SOURCES:
        for done, batch in enumerate(replay(archive, source, catalog.of_source(source)), start=1):
            progress(f"replaying {source}", done, None)
            yield batch
