"""`tidegauge doctor --live`: the smallest answer of each publisher, held against what was agreed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
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
    from ingest.kit import Batch

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
class Probe:
    """What one publisher answered: a line for a person. `moved` says what is not as agreed, None when all is."""

    source: SourceName
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
    """Read the contracts; ConfigError when an entry cannot be used."""
    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["contracts"]
    try:
        return [
            Contract(**{**entry, "series": tuple(entry["series"]), "address": tuple(entry["address"])})
            for entry in entries
        ]
    except (TypeError, KeyError) as error:
        raise ConfigError(f"{path.name}: {error}") from None


def probe_all(settings: Settings) -> Iterator[Probe]:
    """Ask each publisher in turn; nothing is kept and no home is touched."""
    catalog = load_catalog()
    for contract in load_contracts():
        yield _probe(contract, catalog, settings)


def _probe(contract: Contract, catalog: Catalog, settings: Settings) -> Probe:
    from dataclasses import replace

    from ingest.archive import Archive
    from ingest.catalog.calendars import working_days
    from ingest.collect import build_context, collect
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
            batch = collect(contract.source, context)
    newest = batch.rows["period_date"].max() if not batch.rows.is_empty() else None
    assert newest is None or isinstance(newest, date)
    return Probe(contract.source, _moved(contract, batch, newest, today), newest, len(batch.payloads))


def _moved(contract: Contract, batch: Batch, newest: date | None, today: date) -> str | None:
    """Say the first thing that is not as agreed."""
    if batch.problems:
        told = str(batch.problems[0]).removeprefix(f"{batch.source}: ")  # the line begins with the source
        return f"{told} (agreed: {contract.layout})"
    for payload in batch.payloads:
        if not payload.url.startswith(contract.address):
            return f"expected an answer from {' or '.join(contract.address)}, got {payload.url}"
    silent = sorted(set(contract.series) - set(batch.rows.drop_nulls("value")["series_id"].unique()))
    if silent or newest is None:
        return f"expected values of {', '.join(silent or contract.series)}, got none (agreed: {contract.layout})"
    for series_id in contract.series:
        last = batch.rows.filter(batch.rows["series_id"] == series_id).drop_nulls("value")["period_date"].max()
        assert isinstance(last, date)
        if (today - last).days > contract.max_age_days:
            return f"{series_id}: expected a period of the last {contract.max_age_days} days, the newest is {last}"
    return None
