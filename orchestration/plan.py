"""What a run is going to ask: requests, bytes and minutes per host, from what the publishers' YAML says (`first_run`).

An estimate for a person who decides whether to start: sizes are rounded, answers that did not change are counted whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from rich.table import Table

from ingest.catalog import load_catalog
from ingest.catalog.calendars import working_days
from ingest.catalog.funds import funds_of
from ingest.clock import NEW_YORK
from ingest.connectors import CONNECTORS, Connector
from ingest.registry import AskFacts, publishers, requests_per_second
from serving.cells import right

if TYPE_CHECKING:
    import duckdb
    from rich.console import Console

    from ingest.catalog import Catalog
    from ingest.home import Home
    from ingest.settings import Settings

_DEFAULT_UNIT = {"catalog": "code", "funds": "fund", "symbols": "symbol"}


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What one host is asked, in requests, megabytes and minutes at its declared rate."""

    host: str
    connectors: tuple[str, ...]
    requests: int
    megabytes: float
    minutes: float


def plan(settings: Settings, catalog: Catalog, home: Home) -> list[HostPlan]:
    """Return what the next run asks, the slowest host first. Hosts are asked side by side: the first is the run's time.

    Connectors that have landed are asked for what is new; the others for everything. While another run writes, nothing
    counts as landed. HomeUnusable for a build file that cannot be read.
    """
    from orchestration.session import lake_for
    from warehouse.connection import is_writer_active
    from warehouse.status import build_file

    today = settings.clock().astimezone(NEW_YORK).date()
    requests: dict[str, float] = defaultdict(float)
    kilobytes: dict[str, float] = defaultdict(float)
    names: dict[str, list[str]] = defaultdict(list)
    landed, symbols = frozenset[str](), 0
    with build_file(home, is_active=is_writer_active(home), lake=lake_for(home, settings)) as con:
        if con is not None and (landed := _landed(con)):
            symbols = _symbols(con, today, settings)
    for connector in CONNECTORS:
        for ask in _asks(connector, is_keyed=settings.fred_api_key is not None):
            count = ask.times * _units(connector, ask, catalog, today, symbols)
            if connector.name in landed and ask.again is not None:
                count = ask.again
            requests[ask.host] += count
            kilobytes[ask.host] += count * ask.kilobytes
            if connector.name not in names[ask.host]:
                names[ask.host].append(connector.name)
    found = [
        HostPlan(host, tuple(names[host]), round(count), kilobytes[host] / 1000, count / requests_per_second(host) / 60)
        for host, count in requests.items()
    ]
    return sorted(found, key=lambda one: -one.minutes)


def sentence(found: list[HostPlan]) -> str:
    """Return the plan in one line."""
    requests, megabytes = sum(one.requests for one in found), sum(one.megabytes for one in found)
    slowest = found[0]
    return (
        f"asks {len(found)} hosts side by side for about {requests:,} answers ({megabytes:,.0f} MB); "
        f"the slowest, {slowest.host}, takes about {max(slowest.minutes, 0.1):.1f} minutes at its rate"
    )


def _asks(connector: Connector, *, is_keyed: bool) -> Iterator[AskFacts]:
    """Yield what a connector asks; one that declares nothing asks the publisher's first host once for each unit."""
    hosts = publishers()[connector.source].hosts
    declared = connector.facts.first_run
    if not declared and hosts:
        unit = _DEFAULT_UNIT.get(connector.facts.asked_by, "run")
        declared = (AskFacts.model_validate({"host": next(iter(hosts)), "per": unit}),)
    for ask in declared:
        if ask.with_key in (None, is_keyed):
            yield ask


def _units(connector: Connector, ask: AskFacts, catalog: Catalog, today: date, symbols: int) -> int:
    if ask.per == "code":
        return len({provider.code.split("/")[0] for _, provider in catalog.of_source(connector.source)})
    if ask.per == "fund":
        return len(funds_of(connector.source))
    if ask.per == "symbol":
        return symbols or ask.about
    if ask.since is None:
        return 1
    if ask.per == "year":
        return today.year - ask.since.year + 1
    return len(working_days("nyse", ask.since, today))


def _landed(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    if not con.execute("from duckdb_tables() where schema_name = 'ops' and table_name = 'source_runs'").fetchone():
        return frozenset()  # a run that ended before its first step
    rows = con.execute("select distinct source from ops.source_runs where state = 'ok'").fetchall()
    return frozenset(row[0] for row in rows)


def _symbols(con: duckdb.DuckDBPyConnection, today: date, settings: Settings) -> int:
    from warehouse.panel_wanted import wanted_tickers

    return len(wanted_tickers(con, today, wide=settings.wide_universe))


def show_plan(settings: Settings, home: Home, console: Console, *, whole: bool) -> bool:
    """Print the plan of the next run as a table, and return True; without `whole` only a first run's, in a line."""
    if not whole and home.warehouse.exists():
        return False
    found = plan(settings, load_catalog(), home)
    if whole:
        table = Table("host", "connectors", right("requests"), right("MB"), right("minutes"))
        for one in found:
            cells = (f"{one.requests:,}", f"{one.megabytes:,.1f}", f"{one.minutes:.1f}")
            table.add_row(one.host, ", ".join(one.connectors), *cells)
        console.print(table)
    console.print(f"the next run {sentence(found)}", highlight=False)
    return whole


def say_plan(settings: Settings, home: Home) -> None:
    """Print the plan of the next run as one JSON document."""
    from serving.query.documents import say_json

    found = plan(settings, load_catalog(), home)
    say_json({"sentence": f"the next run {sentence(found)}", "hosts": found})
