"""`tidegauge doctor --live`: the smallest answer of each publisher, held against what was agreed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ingest.catalog import Catalog, load_catalog
from ingest.clock import NEW_YORK
from ingest.connectors import CONNECTORS, Connector
from ingest.errors import NotConfigured
from ingest.registry import ProbeFacts
from ingest.settings import Settings

if TYPE_CHECKING:
    from ingest.batch import Batch
    from ingest.connector import FetchContext
    from ingest.payload import Http, Payload

_LAST_ARCHIVED = date(2019, 10, 4)


@dataclass(frozen=True, slots=True)
class Probe:
    """What one publisher answered: a line for a person. `moved` says what is not as agreed, None when all is."""

    source: str
    moved: str | None
    newest: date | None
    requests: int
    not_asked: str | None = None
    """Which setting is missing, where the publisher is not asked without it."""

    @property
    def line(self) -> str:
        """The finding in one sentence."""
        if self.moved or self.not_asked:
            return self.moved or self.not_asked or ""
        return f"as agreed: {self.requests} answers, newest period {self.newest}"


def probed() -> tuple[Connector, ...]:
    """Return the connectors whose publishers declare what the smallest question is, and its answer."""
    return tuple(one for one in CONNECTORS if one.facts.probe is not None)


def probe_all(settings: Settings) -> Iterator[Probe]:
    """Ask each publisher in turn; nothing is kept and no home is touched."""
    catalog = load_catalog()
    for connector in probed():
        assert connector.facts.probe is not None
        yield _probe(connector, connector.facts.probe, catalog, settings)


def _probe(connector: Connector, agreed: ProbeFacts, catalog: Catalog, settings: Settings) -> Probe:
    from ingest.archive import Archive
    from ingest.collect import collect
    from ingest.http import Upstream

    today = settings.clock().astimezone(NEW_YORK).date()
    with (
        tempfile.TemporaryDirectory(prefix="tidegauge-doctor-") as folder,
        Upstream(settings, settings.clock, Archive(Path(folder))) as upstream,
    ):
        context = _context(connector, agreed, catalog, settings, upstream, today)
        batch = collect(connector, context)
    table = connector.tables[0]
    newest = batch.tables[table.id][table.period].max()
    assert newest is None or isinstance(newest, date)
    if batch.problems and isinstance(batch.problems[0], NotConfigured):
        return Probe(connector.name, None, None, 0, str(batch.problems[0]).removeprefix(f"{connector.name}: "))
    return Probe(connector.name, _moved(connector, agreed, batch, newest, today), newest, len(batch.payloads))


def _context(
    connector: Connector, agreed: ProbeFacts, catalog: Catalog, settings: Settings, http: Http, today: date
) -> FetchContext:
    """Return what the connector is given to ask with: a few days of the series, fund or ticker that is asked for."""
    from ingest.catalog.calendars import working_days
    from ingest.catalog.funds import load_funds
    from ingest.connector import FetchContext
    from ingest.contracts import symbols_of

    recent = today - timedelta(days=5)
    pairs = []
    contracts = connector.facts.contracts  # asked for are those of the day: the nearest shows what there is to see
    if connector.has_series:
        pairs = [(catalog.by_id(one), catalog.by_id(one).provider(connector.source)) for one in agreed.ask]
    # A day of the archives as well: they are long, and frozen.
    pages_held = frozenset([_LAST_ARCHIVED, *working_days("nyse", _LAST_ARCHIVED, recent)])
    return FetchContext(
        source=connector.source,
        settings=settings,
        clock=settings.clock,
        http=http,
        pairs=pairs,
        held={series.id: pages_held for series, _ in pairs},
        funds=[fund for fund in load_funds() if fund.ticker in agreed.ask],
        tickers=() if connector.has_series else symbols_of(contracts, today)[:1] if contracts else agreed.ask,
        since=dict.fromkeys(agreed.ask or ("",), recent),
    )


def _moved(connector: Connector, agreed: ProbeFacts, batch: Batch, newest: date | None, today: date) -> str | None:
    """Say the first thing that is not as agreed."""
    if batch.problems:
        said = str(batch.problems[0])  # the line begins with the name
        said = said.removeprefix(f"{connector.name}: ").removeprefix(f"{batch.source}: ")
        return f"{said} (agreed: {agreed.layout})"
    elsewhere = _elsewhere(batch.payloads, agreed.address)
    if elsewhere:
        return elsewhere
    if connector.has_series:
        return _moved_series(agreed, batch, today)
    if newest is None:
        return f"expected rows of {', '.join(agreed.ask) or connector.name}, got none (agreed: {agreed.layout})"
    if (today - newest).days > agreed.max_age_days:
        return f"expected a period of the last {agreed.max_age_days} days, the newest is {newest}"
    return None


def _moved_series(agreed: ProbeFacts, batch: Batch, today: date) -> str | None:
    values = batch.rows.drop_nulls("value")
    newest: dict[str, date] = dict(values.group_by("series_id").agg(pl.col("period_date").max()).iter_rows())
    silent = sorted(set(agreed.ask) - newest.keys())
    if silent:
        return f"expected values of {', '.join(silent)}, got none (agreed: {agreed.layout})"
    for series_id in agreed.ask:
        last = newest[series_id]
        if (today - last).days > agreed.max_age_days:
            return f"{series_id}: expected a period of the last {agreed.max_age_days} days, the newest is {last}"
    return None


def _elsewhere(payloads: Sequence[Payload], address: tuple[str, ...]) -> str | None:
    for payload in payloads:
        if not payload.url.startswith(address):
            return f"expected an answer from {' or '.join(address)}, got {payload.url}"
    return None
