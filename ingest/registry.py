"""The registry: every publisher with its connectors and tables, as ingest/sources/<publisher>/<publisher>.yml says.

`publishers()` reads and checks all of the files once. Shapes that several publishers share (`like: prices`) stand in
ingest/sources/shapes.yml. Nothing else names a publisher: lists and orders are readings of these declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingest.errors import ConfigError
from ingest.yaml_files import checked, read_mapping

SOURCES_FOLDER: Final = Path(__file__).with_name("sources")
SHAPES: Final = "shapes.yml"

Licence = Literal["public_domain", "attribution", "personal_use", "restricted"]
AskedBy = Literal["catalog", "funds", "symbols", "contracts", "whole", "file"]
ColumnType = Literal["text", "date", "timestamp", "double", "bigint", "boolean"]
Kind = Literal["revisable", "snapshot", "reference"]
Storage = Literal["rows", "daily_files"]
Revisions = Literal["never", "rare", "routine"]
"""How often a publisher changes what it has published: never; a few values now and then; as a matter of course."""

_NAME: Final = r"^[a-z][a-z0-9_]*$"


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HostFacts(_Declared):
    """A host that a publisher is asked at. How often it may be asked is the same for every connector."""

    requests_per_second: float = Field(default=5.0, gt=0)
    most_mebibytes: int | None = Field(
        default=None, ge=1, le=1024, description="How large an answer may be, where that is more than the usual."
    )


class ProbeFacts(_Declared):
    """The smallest question that shows whether a publisher is as agreed, for `tidegauge doctor --live`.

    The layout and the units are those that parse insists on; here stands what it cannot know.
    """

    ask: tuple[str, ...] = Field(
        default=(), description="Series, or the one fund or ticker; empty where the publisher has a single answer."
    )
    address: tuple[str, ...] = Field(min_length=1, description="Every answer comes from below one of these.")
    layout: str = Field(description="What a person should find there.")
    max_age_days: int = Field(ge=1, description="How old the newest period may be: cadence, lag and a long weekend.")


class ContractsFacts(_Declared):
    """Which monthly contracts of a future there are to ask for: from the running month on, so many ahead.

    For some days after its month one is asked for of which rows are held, but not those of its last session.
    """

    root: str = Field(pattern=r"^[A-Z0-9]+$", description="The future's own letters: ZQ of ZQV26.CBT.")
    exchange: str = Field(pattern=r"^[A-Z]+$", description="What stands behind the point.")
    months_ahead: int = Field(ge=0, le=60)
    months_traded: int = Field(ge=1, description="So many have prices every day; of later ones there may be none yet.")
    days_after: int = Field(default=14, ge=0, le=27)


class AskFacts(_Declared):
    """What a first run asks one host for: `times` requests per unit, and how large an answer is.

    Units are counted from `since` on (session, year), in the catalog (code: what stands before the first slash of a
    series' code), among the publisher's funds, or among the symbols that are wanted. `again` is what a later run asks
    in all where it does not ask everything once more.
    """

    host: str
    per: Literal["run", "code", "fund", "symbol", "session", "year"] = "run"
    since: date | None = None
    times: float = Field(default=1.0, gt=0)
    again: float | None = Field(default=None, ge=0)
    about: int = Field(default=0, ge=0, description="So many symbols, while no list of them has landed.")
    kilobytes: float = Field(default=100.0, gt=0)
    with_key: bool | None = Field(default=None, description="Only with a key, or only without one.")

    @model_validator(mode="after")
    def _days_begin(self) -> AskFacts:
        if (self.per in ("session", "year")) != (self.since is not None):
            raise ValueError("sessions and years are counted since a day, nothing else is")
        return self


class ConnectorFacts(_Declared):
    """One file of a publisher's folder. Without `tables` it serves the catalog's series that name the publisher."""

    asked_by: AskedBy
    tables: tuple[str, ...] = Field(default=(), description="The main one first.")
    asked_after: tuple[str, ...] = Field(default=(), description="Connectors whose rows say what to ask for.")
    judged_after: tuple[str, ...] = Field(default=(), description="Connectors whose rows the gate compares with.")
    main_series: str | None = Field(default=None, description="The series that is drawn beside it.")
    asked_by_day: bool = Field(
        default=False, description="A table asked for one day at a time: fetch is given the days that we hold."
    )
    picks_symbols: bool = Field(
        default=False, description="It answers for every symbol there is: fetch is given those that are wanted."
    )
    whole_when: str | None = Field(
        default=None,
        description="When the newest rows of such a day are all of it: SQL over its columns.",
    )
    contracts: ContractsFacts | None = Field(default=None, description="What it asks for where it asks by contracts.")
    asked_by_session: tuple[str, ...] = Field(
        default=(), description="Series asked for one session at a time: fetch is given the periods that we hold."
    )
    first_run: tuple[AskFacts, ...] = Field(
        default=(), description="Where it asks more than once, or at another host than the publisher's first."
    )
    probe: ProbeFacts | None = None

    @model_validator(mode="after")
    def _contracts_where_asked_for(self) -> ConnectorFacts:
        if (self.contracts is not None) != (self.asked_by == "contracts"):
            raise ValueError("contracts: said where asked_by is contracts, and nowhere else")
        if self.whole_when and not self.asked_by_day:
            raise ValueError("whole_when: said of days that are asked for one at a time")
        return self


class ColumnFacts(_Declared):
    """A column. `unit`, `min` and `max` are of the value as published; within the tolerance it is no new vintage."""

    type: ColumnType
    comment: str
    unit: str | None = None
    tolerance_ratio: float = Field(default=0.0, ge=0)
    min: float | None = None
    max: float | None = None


class ServesFacts(_Declared):
    """What a table is one provider of: of each key the provider of the lowest rank counts."""

    concept: str = Field(pattern=_NAME)
    rank: int = Field(default=1, ge=1)


class TableFacts(_Declared):
    """A raw table. See ingest.dataset.Dataset for what the fields mean."""

    grain: str = Field(description="One sentence or two, the last one names the grain: One row per ...")
    keys: dict[str, ColumnFacts] = Field(min_length=1)
    columns: dict[str, ColumnFacts] = Field(min_length=1)
    period: str
    release: str | dict[str, Any] = Field(description="The name of a rule of ingest/catalog/releases.yml, or a rule.")
    group: str | None = None
    judged_by: str | None = None
    kind: Kind = "revisable"
    storage: Storage = "rows"
    taken_at: tuple[time, ...] = Field(default=(), description="Hours of New York at which a snapshot is due.")
    keep_days: int | None = Field(default=None, ge=1)
    is_history_revised: bool = False
    is_regular: bool = False
    revisions: Revisions = "routine"
    serves: ServesFacts | None = None
    expect: tuple[dict[str, Any], ...] = Field(default=(), description="Rules of the gate: ingest/rules/declared.py.")
    simulate: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _named_columns_are_keys(self) -> TableFacts:
        for field in ("period", "group", "judged_by"):
            name = getattr(self, field)
            if name is not None and name not in self.keys:
                raise ValueError(f"{field} {name!r} is no key; keys are {', '.join(self.keys)}")
        if self.keys[self.period].type != "date":
            raise ValueError(f"period {self.period!r} is not a date")
        if both := self.keys.keys() & self.columns.keys():
            raise ValueError(f"{', '.join(sorted(both))} stands in keys and in columns")
        if self.taken_at and self.storage != "daily_files":
            raise ValueError("taken_at: said of a table in daily files")
        return self


class Publisher(_Declared):
    """One folder of ingest/sources. `name` is the folder's, and the schema of its raw tables."""

    name: str = Field(pattern=_NAME)
    publisher: str = Field(description="Its title.")
    serves: str = Field(description="What it serves, in one line.")
    licence: Licence
    cadence: str = Field(description="How often it prints.")
    is_users_own: bool = Field(default=False, description="Files of the user: nobody is due to write them.")
    hosts: dict[str, HostFacts] = Field(default_factory=dict)
    connectors: dict[str, ConnectorFacts] = Field(min_length=1)
    tables: dict[str, TableFacts] = Field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Its folder."""
        return SOURCES_FOLDER / self.name

    @model_validator(mode="after")
    def _whole(self) -> Publisher:
        filled = [table for connector in self.connectors.values() for table in connector.tables]
        for table in filled:
            if table not in self.tables:
                raise ValueError(f"connectors: {table} is not declared in tables")
        asked = {ask.host for connector in self.connectors.values() for ask in connector.first_run}
        if unknown := sorted(asked - self.hosts.keys()):
            raise ValueError(f"first_run: {', '.join(unknown)}: not among the hosts")
        if unfilled := [table for table in self.tables if filled.count(table) != 1]:
            raise ValueError(f"tables: {', '.join(unfilled)}: exactly one connector fills a table")
        return self


@cache
def publishers(folder: Path = SOURCES_FOLDER) -> Mapping[str, Publisher]:
    """Return the publishers by name; ConfigError names the file, the entry and the field that cannot be used."""
    shapes = read_mapping(folder / SHAPES, "shapes")
    found = {
        path.parent.name: _publisher(path, shapes)
        for path in sorted(folder.glob("*/*.yml"))
        if path.stem == path.parent.name
    }
    _check_names(found.values())
    return found


def is_publisher(name: str) -> bool:
    """Say whether a publisher of that name is declared, without reading the declaration."""
    return (SOURCES_FOLDER / name / f"{name}.yml").is_file()


def users_own() -> str:
    """Return the name of the source that is the user's own files."""
    return next(one.name for one in publishers().values() if one.is_users_own)


@cache
def requests_per_second(host: str) -> float:
    """Return how often a host may be asked: as its publisher declares it, the default for one that nobody declares."""
    for one in publishers().values():
        if host in one.hosts:
            return one.hosts[host].requests_per_second
    return HostFacts().requests_per_second


@cache
def most_bytes(host: str) -> int | None:
    """Return how large a body of a host may be, where its publisher declares more than the usual."""
    declared = next((one.hosts[host].most_mebibytes for one in publishers().values() if host in one.hosts), None)
    return declared * 1024**2 if declared else None


@cache
def are_of_one_publisher(host: str, other: str) -> bool:
    """Say whether one publisher declares both hosts: one may send its files from the other."""
    return any(host in one.hosts and other in one.hosts for one in publishers().values())


def _publisher(path: Path, shapes: Mapping[str, Any]) -> Publisher:
    place = f"publisher {path.name}"
    document = read_mapping(path, "publisher")
    tables = document.get("tables", {})
    if not isinstance(tables, dict):
        raise ConfigError(f"{place}: tables: expected a mapping of names to tables")
    whole = {name: _shaped(f"{place}: tables: {name}", entry, shapes) for name, entry in tables.items()}
    for name, entry in whole.items():
        checked(TableFacts, entry, f"{place}: tables: {name}")
    connectors = document.get("connectors", {})
    for name, entry in connectors.items() if isinstance(connectors, dict) else ():
        checked(ConnectorFacts, entry, f"{place}: connectors: {name}")
        if not path.with_name(f"{name}.py").is_file():
            raise ConfigError(f"{place}: connectors: {name}: there is no {name}.py beside it")
    return checked(Publisher, {"name": path.stem, **document, "tables": whole}, place)


def _shaped(place: str, entry: Any, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with the fields of the shape that it is like; its own fields win, column by column."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{place}: expected a mapping")
    if "like" not in entry:
        return entry
    own = dict(entry)
    shape = own.pop("like")
    if shape not in shapes:
        raise ConfigError(f"{place}: like: no shape named {shape!r} in {SHAPES}")
    for part in ("keys", "columns"):
        if part in own:
            columns = shapes[shape][part]
            own[part] = columns | {name: columns.get(name, {}) | facts for name, facts in own[part].items()}
    expect = [*shapes[shape].get("expect", []), *own.get("expect", [])]  # a second of one kind replaces the first
    return {**shapes[shape], **own, "expect": expect}


def _check_names(found: Iterable[Publisher]) -> None:
    """Hold the publishers against each other: connectors, hosts and ranks are one's own, others are named rightly."""
    seen: dict[tuple[str, ...], str] = {}
    for publisher in found:
        for taken in _taken(publisher):
            if taken in seen:
                raise ConfigError(f"publisher {publisher.name}.yml: {' '.join(taken)} is {seen[taken]}'s already")
            seen[taken] = publisher.name
    for publisher in found:
        for name, connector in publisher.connectors.items():
            for other in (*connector.asked_after, *connector.judged_after):
                if ("connector", other) not in seen:
                    where = f"publisher {publisher.name}.yml: connectors: {name}: asked_after, judged_after"
                    raise ConfigError(f"{where}: no connector named {other!r}")


def _taken(publisher: Publisher) -> Iterator[tuple[str, ...]]:
    """Yield what one publisher alone may have."""
    yield from (("connector", name) for name in publisher.connectors)
    yield from (("host", host) for host in publisher.hosts)
    for table in publisher.tables.values():
        if table.serves is not None:
            yield "rank", str(table.serves.rank), "of", table.serves.concept
