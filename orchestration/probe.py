"""`tidegauge doctor --live`: the smallest answer of each publisher, held against what was agreed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from ingest.catalog import Catalog, SourceName, load_catalog
from ingest.clock import NEW_YORK
from ingest.errors import ConfigError
from ingest.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from ingest.batch import Batch
    from ingest.payload import Payload

CONTRACTS_FILE: Final = PROJECT_ROOT / "ingest" / "catalog" / "contracts.yml"
_LAST_ARCHIVED = date(2019, 10, 4)


@dataclass(frozen=True, slots=True)
class Contract:
    """What is agreed with a publisher beyond what its parse insists on. See contracts.yml."""

    source: SourceName
    series: tuple[str, ...]
    address: tuple[str, ...]
    layout: str
    max_age_days: int


@dataclass(frozen=True, slots=True)
class PanelContract:
    """What is agreed with the publisher of a panel desk. `ask`: the one ticker or fund that is asked for."""

    desk: str
    ask: str | None
    address: tuple[str, ...]
    layout: str
    max_age_days: int


@dataclass(frozen=True, slots=True)
class Probe:
    """What one publisher answered: a line for a person. `moved` says what is not as agreed, None when all is."""

    source: str
    moved: str | None
    newest: date | None
    requests: int

    @property
    def line(self) -> str:
        """The finding in one sentence."""
        if self.moved:
            return self.moved
        return f"as agreed: {self.requests} answers, newest period {self.newest}"


def load_contracts(path: Path = CONTRACTS_FILE) -> list[Contract]:
    """Read the contracts of the series; ConfigError when an entry cannot be used."""
    try:
        return [
            Contract(**{**entry, "series": tuple(entry["series"]), "address": tuple(entry["address"])})
            for entry in _entries(path, "contracts")
        ]
    except (TypeError, KeyError) as error:
        raise ConfigError(f"{path.name}: {error}") from None


def load_panel_contracts(path: Path = CONTRACTS_FILE) -> list[PanelContract]:
    """Read the contracts of the panel desks; ConfigError when an entry cannot be used."""
    try:
        return [PanelContract(**{**entry, "address": tuple(entry["address"])}) for entry in _entries(path, "panels")]
    except (TypeError, KeyError) as error:
        raise ConfigError(f"{path.name}: {error}") from None


def _entries(path: Path, section: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))[section]
    return entries


def probe_all(settings: Settings) -> Iterator[Probe]:
    """Ask each publisher in turn; nothing is kept and no home is touched."""
    catalog = load_catalog()
    for contract in load_contracts():
        yield _probe(contract, catalog, settings)
    for panel_contract in load_panel_contracts():
        yield _probe_panel(panel_contract, settings)


def _probe(contract: Contract, catalog: Catalog, settings: Settings) -> Probe:
    from dataclasses import replace

    from ingest.archive import Archive
    from ingest.catalog.calendars import working_days
    from ingest.collect import build_context, collect
    from ingest.connectors import connector
    from ingest.http import Upstream

    clock = settings.clock
    today = clock().astimezone(NEW_YORK).date()
    recent = today - timedelta(days=5)
    pairs = [(catalog.by_id(one), catalog.by_id(one).provider(contract.source)) for one in contract.series]
    # A day of the archives as well: they are long, and frozen.
    pages_held = frozenset([_LAST_ARCHIVED, *working_days("nyse", _LAST_ARCHIVED, recent)])
    with tempfile.TemporaryDirectory(prefix="tidegauge-doctor-") as folder:
        archive = Archive(Path(folder))
        with Upstream(settings, clock, archive) as upstream:
            context = replace(
                build_context(contract.source, catalog, settings, clock, upstream),
                pairs=pairs,
                since={series.id: recent for series, _ in pairs},
                held={series.id: pages_held for series, _ in pairs},
            )
            batch = collect(connector(contract.source), context)
    newest = batch.rows["period_date"].max() if not batch.rows.is_empty() else None
    assert newest is None or isinstance(newest, date)
    return Probe(contract.source, _moved(contract, batch, newest, today), newest, len(batch.payloads))


def _probe_panel(contract: PanelContract, settings: Settings) -> Probe:
    from ingest.archive import Archive
    from ingest.catalog.funds import load_funds
    from ingest.collect import collect
    from ingest.connector import FetchContext
    from ingest.connectors import connector
    from ingest.http import Upstream
    from orchestration.session import no_progress

    desk = connector(contract.desk)
    today = settings.clock().astimezone(NEW_YORK).date()
    asked = contract.ask
    with (
        tempfile.TemporaryDirectory(prefix="tidegauge-doctor-") as folder,
        Upstream(settings, settings.clock, Archive(Path(folder))) as upstream,
    ):
        context = FetchContext(
            source=desk.source,
            settings=settings,
            clock=settings.clock,
            http=upstream,
            progress=no_progress,
            funds=[fund for fund in load_funds() if fund.ticker == asked],
            tickers=[asked] if asked else [],
            since={asked or "": today - timedelta(days=5)},
        )
        batch = collect(desk, context)
    table = desk.tables[0]
    newest = batch.tables[table.id][table.period].max()
    assert newest is None or isinstance(newest, date)
    return Probe(contract.desk, _moved_panel(contract, batch, newest, today), newest, len(batch.payloads))


def _moved_panel(contract: PanelContract, batch: Batch, newest: date | None, today: date) -> str | None:
    """Say the first thing that is not as agreed."""
    if batch.problems:
        told = str(batch.problems[0])
        told = told.removeprefix(f"{contract.desk}: ").removeprefix(f"{batch.source}: ")
        return f"{told} (agreed: {contract.layout})"
    elsewhere = _elsewhere(batch.payloads, contract.address)
    if elsewhere:
        return elsewhere
    if newest is None:
        return f"expected rows of {contract.ask or contract.desk}, got none (agreed: {contract.layout})"
    if (today - newest).days > contract.max_age_days:
        return f"expected a period of the last {contract.max_age_days} days, the newest is {newest}"
    return None


def _elsewhere(payloads: Sequence[Payload], address: tuple[str, ...]) -> str | None:
    for payload in payloads:
        if not payload.url.startswith(address):
            return f"expected an answer from {' or '.join(address)}, got {payload.url}"
    return None


def _moved(contract: Contract, batch: Batch, newest: date | None, today: date) -> str | None:
    """Say the first thing that is not as agreed."""
    if batch.problems:
        told = str(batch.problems[0]).removeprefix(f"{batch.source}: ")  # the line begins with the source
        return f"{told} (agreed: {contract.layout})"
    elsewhere = _elsewhere(batch.payloads, contract.address)
    if elsewhere:
        return elsewhere
    silent = sorted(set(contract.series) - set(batch.rows.drop_nulls("value")["series_id"].unique()))
    if silent or newest is None:
        return f"expected values of {', '.join(silent or contract.series)}, got none (agreed: {contract.layout})"
    for series_id in contract.series:
        last = batch.rows.filter(batch.rows["series_id"] == series_id).drop_nulls("value")["period_date"].max()
        assert isinstance(last, date)
        if (today - last).days > contract.max_age_days:
            return f"{series_id}: expected a period of the last {contract.max_age_days} days, the newest is {last}"
    return None
