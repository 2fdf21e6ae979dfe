"""The datasets of the registry: raw tables `<source>.<name>`. DDL, landing, gate and dbt sources read them here.

A dataset is a keyed table with two clocks, filled from payloads. The series of a source are one whose keys are
(series_id, period_date) and whose groups are the series; ingest.catalog says what each of them is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from ingest.batch import ROWS_SCHEMA
from ingest.catalog import release_rule
from ingest.catalog.release import ReleaseRule
from ingest.registry import ColumnFacts, Revisions, ServesFacts, Storage, TableFacts, publishers
from ingest.yaml_files import checked


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset, as published unless the comment says otherwise.

    A value that moved by no more than `tolerance_ratio` of itself is no new vintage. `minimum` and `maximum` are what a
    value as published can be.
    """

    name: str
    dtype: pl.DataType
    comment: str
    tolerance_ratio: float = 0.0
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A raw table `<source>.<name>`: rows are told apart by `keys`; a change of any of `values` is a new vintage.

    `group` is the key column within which absence is judged; None where an answer is always whole. `period` is the key
    column that dates the row. `judged_by`: the key column whose values form histories, where that is not the group.
    `attributes` come with a row and are not compared. `release` says when a row of that
    period is out; None: each group has a rule of its own (series, from the catalog). `is_history_revised` marks
    datasets whose first load may differ from what was then known (known_basis 'latest_only'); `is_snapshot` those whose
    past is served nowhere: a session without one is a gap for ever; `is_regular` those that gain a row of each group
    every session or week, so that an answer which ends before what is held is a frozen one. `revisions`: how often the
    publisher changes what it has published; a change beyond that waits for a person (of series the catalog says it).
    `serves` says of which concept the table is one provider, and which one; `simulate` has hints for drawing it.

    `storage` says where rows are kept. "rows": a table of the build file, whose rows are compared with what is held.
    "daily_files": a snapshot table of millions of rows a day (option chains), kept as immutable Parquet files by day
    and never compared; in the view of newest rows a later answer of the same day and group replaces the earlier one.
    Where a key is a moment of the day (timestamp) each moment has its newest answer. `taken_at`: hours of New York at
    which such a snapshot is due on every session; one that was missed is a gap for ever.
    That is not `is_snapshot`, which says of a small table in rows that its past cannot be asked for.
    `keep_days` (daily files only): days older than the newest by more are removed; None: none ever is.

    `expect` says what the gate holds the rows to, as plain mappings; ingest.rules.declared says which there are (of
    daily files ingest.rules.snapshot_rules). Keys, sizes, dates and histories that come back multiplied are looked at
    whatever it says.
    """

    source: str
    name: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    period: str
    release: ReleaseRule | None
    comment: str
    group: str | None = None
    judged_by: str | None = None
    attributes: tuple[Column, ...] = ()
    is_history_revised: bool = False
    is_snapshot: bool = False
    is_regular: bool = False
    revisions: Revisions = "routine"
    serves: ServesFacts | None = None
    storage: Storage = "rows"
    taken_at: tuple[time, ...] = ()
    keep_days: int | None = None
    expect: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    simulate: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str:
        """The asset key, dbt source and DuckDB name in one: "ssga.fund_days"."""
        return f"{self.source}.{self.name}"

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(column.name for column in self.keys)

    @property
    def value_names(self) -> tuple[str, ...]:
        """The names of the value columns."""
        return tuple(column.name for column in self.values)

    @property
    def own_release(self) -> ReleaseRule:
        """The one rule of its release; ValueError where each group has its own."""
        if self.release is None:
            raise ValueError(f"{self.id} has no release rule of its own: each group has one")
        return self.release

    @property
    def is_series(self) -> bool:
        """Say whether the rows are series of the catalog."""
        return self.name == OBSERVATIONS

    @property
    def must_reach_newest(self) -> bool:
        """Say whether an answer that ends before what is held is a frozen one."""
        return self.is_regular or self.is_snapshot

    @property
    def is_in_daily_files(self) -> bool:
        """Say whether the rows are kept as Parquet files by day."""
        return self.storage == "daily_files"

    @property
    def moment(self) -> str | None:
        """The key column that says at which moment of its day a snapshot was taken; None: a day has one snapshot."""
        return next((column.name for column in self.keys if column.dtype == _TYPES["timestamp"]), None)

    @property
    def history(self) -> str | None:
        """The key column whose rows form one history each, in which the gate looks for blocks; None: there is none."""
        return self.judged_by or self.group

    @property
    def group_sql(self) -> str:
        """The SQL expression of a row's group: its column, or an empty text."""
        return self.group or "''"

    @property
    def group_expression(self) -> pl.Expr:
        """The same for polars."""
        return pl.lit("") if self.group is None else pl.col(self.group)

    @property
    def rows_schema(self) -> Mapping[str, pl.DataType]:
        """What a parser returns: keys, attributes, values, `stated_at` (naive UTC or NULL) and `payload_sha256`."""
        if self.is_series:
            return ROWS_SCHEMA
        columns = {column.name: column.dtype for column in (*self.keys, *self.attributes, *self.values)}
        return MappingProxyType({**columns, "stated_at": pl.Datetime("us"), "payload_sha256": pl.String()})


OBSERVATIONS: Final = "observations"
"""The name of each source's table of series."""


_TYPES: Final[Mapping[str, pl.DataType]] = MappingProxyType(
    {
        "text": pl.String(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("us"),
        "double": pl.Float64(),
        "bigint": pl.Int64(),
        "boolean": pl.Boolean(),
    }
)
_TEXT, _DAY, _NUMBER = _TYPES["text"], _TYPES["date"], _TYPES["double"]


def declared(source: str, name: str, table: TableFacts) -> Dataset:
    """Return the dataset of a declared table."""
    place = f"publisher {source}.yml: tables: {name}: release"
    rule = table.release
    return Dataset(
        source=source,
        name=name,
        keys=_columns(table.keys),
        values=_columns(table.columns),
        period=table.period,
        release=release_rule(rule) if isinstance(rule, str) else checked(ReleaseRule, rule, place),
        comment=table.grain,
        group=table.group,
        judged_by=table.judged_by,
        is_history_revised=table.is_history_revised,
        is_snapshot=table.kind == "snapshot",
        storage=table.storage,
        taken_at=table.taken_at,
        keep_days=table.keep_days,
        is_regular=table.is_regular,
        revisions=table.revisions,
        serves=table.serves,
        expect=table.expect,
        simulate=table.simulate,
    )


def observations(source: str) -> Dataset:
    """Return the dataset of the series that `source` serves."""
    return Dataset(
        source=source,
        name=OBSERVATIONS,
        keys=(
            Column("series_id", _TEXT, "Our id of the series, from the catalog"),
            Column("period_date", _DAY, "The date the source prints"),
        ),
        attributes=(
            Column("code", _TEXT, "The publisher's own code; of a user file the vendor, where it names one"),
            Column("unit", _TEXT, "Unit as published"),
        ),
        values=(
            Column(
                "value", _NUMBER, "As published, in `unit`; NULL where the source shows a gap or withdrew the value"
            ),
        ),
        period="period_date",
        release=None,
        comment=(
            f"Every value {source} gave us, as published, with the moment it became known. Append-only."
            " One row per series, period and vintage."
        ),
        group="series_id",
        expect=(
            {"since": "catalog"},
            {"days_ahead": 7},  # policy rates are announced before they take effect; nothing is dated later
            {"sizes": {"value": (1e-9, 1e15)}},  # as published, dollars at most; the catalog's range is narrower
            {"rule": "units_of_the_catalog"},
            {"rule": "ranges_of_the_catalog"},
            {"rule": "history_is_not_multiplied"},
            {"rule": "level_holds", "by": "catalog"},
            {"rule": "spikes_are_confirmed"},
            {"rule": "releases_of_the_catalog"},
        ),
    )


def _columns(facts: Mapping[str, ColumnFacts]) -> tuple[Column, ...]:
    return tuple(
        Column(name, _TYPES[one.type], one.comment, one.tolerance_ratio, one.unit, one.min, one.max)
        for name, one in facts.items()
    )


TABLES: Final[tuple[Dataset, ...]] = tuple(
    declared(publisher.name, name, table)
    for publisher in publishers().values()
    for name, table in publisher.tables.items()
)
"""Every raw table that is declared with its columns."""

DATASETS: Final = (
    *(
        observations(publisher.name)
        for publisher in publishers().values()
        if any(not connector.tables for connector in publisher.connectors.values())
    ),
    *TABLES,
)
"""Every raw table."""


@cache
def dataset(table_id: str) -> Dataset:
    """Return the dataset of that id ("ssga.fund_days"); KeyError when there is none."""
    for one in DATASETS:
        if one.id == table_id:
            return one
    raise KeyError(f"no dataset {table_id}")


@cache
def serving(concept: str) -> tuple[Dataset, ...]:
    """Return the tables that serve a concept ("prices"), the preferred first; KeyError when there is none."""
    ranked = [(one.serves.rank, one) for one in TABLES if one.serves and one.serves.concept == concept]
    if not ranked:
        raise KeyError(f"no table serves {concept}")
    return tuple(one for _, one in sorted(ranked, key=lambda pair: pair[0]))
