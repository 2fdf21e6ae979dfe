"""`tidegauge rebuild`: the archive replayed, source by source, through the same parse, gate and landing as a run."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from ingest.catalog import Catalog, load_catalog
from ingest.connectors import CONNECTORS, SERIES_CONNECTORS, TABLE_CONNECTORS, Connector
from ingest.errors import HomeUnusable
from ingest.home import Home, home_at
from ingest.settings import Settings
from orchestration.session import Progress, lake_for

if TYPE_CHECKING:
    from ingest.archive import Archive
    from ingest.batch import Batch
    from ingest.errors import ArchiveDamaged
    from warehouse.rebuild import RebuildResult


def rebuild_home(
    settings: Settings,
    progress: Progress,
    *,
    accept_loss: bool = False,
    tell: Callable[[str], None] = lambda _sentence: None,
) -> RebuildResult:
    """Replay the archive into a fresh build file and put it in place; AuditFailed when its rows differ from the old.

    HomeUnusable when something would be lost for good, ArchiveDamaged when an answer is: with `accept_loss` both are
    told (a sentence to `tell`, before anything is done) and accepted. ClockBehind as a run.
    """
    from ingest.archive import Archive
    from orchestration.ingestion import judge
    from warehouse.connection import WriterLock, home_errors
    from warehouse.rebuild import rebuild
    from warehouse.recorded import require_clock

    catalog = load_catalog()
    home = home_at(settings.home)
    require_clock(home, settings.clock())
    home.ensure()
    lake = lake_for(home, settings)

    with WriterLock(home):
        with home_errors(home):
            _tell_loss(home, tell, accept_loss=accept_loss)
        lost: list[ArchiveDamaged] = []
        archive = Archive(home.archive, lost=lost if accept_loss else None)
        done = rebuild(
            home,
            archived_in_order(archive, catalog, progress),
            lambda con, batch: judge(con, batch, catalog),
            catalog,
            run_id="rebuild",
            now=settings.clock(),
            lake=lake,
        )
        for error in dict.fromkeys(str(error) for error in lost):
            tell(f"left out: {error}")
        return done


def told_of(result: RebuildResult) -> Iterator[str]:
    """Yield what a person should know of a rebuild, a sentence at a time."""
    compared = (
        "there was no sound old file" if result.rows_compared is None else f"{result.rows_compared:,} rows are the same"
    )
    yield f"replayed {result.batches} batches: {result.rows:,} rows; {compared}"
    if result.recovered is not None:
        back = result.recovered
        yield f"from release {back.build_id}: {back.runs} runs and {back.regime_rows:,} regime rows as they were said"
    if result.set_aside is not None:
        yield f"the damaged file is {result.set_aside}"


def _tell_loss(home: Home, tell: Callable[[str], None], *, accept_loss: bool) -> None:
    """Say what will be lost before it is. Records since the newest release are said; all of them must be accepted."""
    from ingest.archive import Archive
    from ingest.clock import naive_utc
    from warehouse.rebuild import foreseen_loss, records_end

    loss = foreseen_loss(home)
    if loss is not None and not accept_loss:
        raise HomeUnusable(f"{loss}. Nothing was touched. `tidegauge rebuild --accept-loss` does it all the same.")
    if loss is not None:
        tell(loss)
        return
    end, newest = records_end(home), Archive(home.archive).newest_fetch()
    if end is not None and newest is not None and naive_utc(newest) > end:
        tell(
            f"the newest sound release is of {end:%Y-%m-%d %H:%M} UTC: records of runs and checks after it, and "
            "regime rows first computed after it, are not in it"
        )


def archived_in_order(
    archive: Archive, catalog: Catalog, progress: Progress, connectors: Collection[Connector] = CONNECTORS
) -> Iterator[Batch]:
    """Yield every batch of the connectors by the time it was fetched, series before other tables.

    Some are judged beside others' rows.
    """
    from ingest.collect import replay

    # Of one moment the order is that of a run, which asks the sources by name; merge keeps the order of its inputs.
    series = [
        replay(archive, one, catalog.of_source(one.source))
        for one in sorted(SERIES_CONNECTORS, key=lambda one: one.name)
        if one in connectors
    ]
    tables = [replay(archive, one) for one in TABLE_CONNECTORS if one in connectors]
    merged = chain(*(heapq.merge(*group, key=lambda batch: batch.fetched_at) for group in (series, tables)))
    for done, batch in enumerate(merged, start=1):
        progress(f"replaying {batch.name}", done, None)
        yield batch
