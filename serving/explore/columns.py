"""The columns that can be drawn, by the published file's own catalog: nothing here names a mart.

A mart is drawn over the date of its key (`axis`); its other key columns choose one row a date (`selectors`), and of
keys that are moments the newest counts. A mart whose key has no date is drawn row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from serving.explore.published import Reading
from serving.explore.refusals import Refused, near, said
from serving.report.rendering import has_table
from serving.units import short_unit_of
from warehouse.asof import without_past
from warehouse.period_columns import PERIOD_COLUMNS
from warehouse.published_table import AS_OF_PARTS, KEYS
from warehouse.sql import quoted

Kind = Literal["number", "flag", "state", "moment"]

_KINDS: Final[Mapping[str, Kind]] = {
    "BOOLEAN": "flag",
    "VARCHAR": "state",
    "DATE": "moment",
    "TIMESTAMP": "moment",
}
_NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_UNIT_LENGTH: Final = 34
_MARK: Final = "SIMULATED. "
_NAME: Final = "case schema_name when 'marts' then table_name else schema_name || '.' || table_name end"
_DRAWN: Final = "(schema_name = 'marts' or schema_name = 'claims' and table_name in ('conditions_daily', 'events'))"
"""Of the claims what has a session: whether a condition holds, and what followed."""
_NO_PAST: Final = "is about this release; of claims.results there is claims.results_as_of(moment)"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that can be drawn."""

    name: str
    dtype: str
    kind: Kind
    unit: str
    description: str


@dataclass(frozen=True, slots=True)
class Mart:
    """A mart: how its rows are laid out, and whether it has a past."""

    name: str
    description: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    axis: str | None  # the column of dates; None: row by row
    is_day: bool  # the axis is a date, not a moment
    selectors: tuple[str, ...]
    newest_of: tuple[str, ...]  # keys that are moments: of several rows the newest counts
    no_past: str | None  # why it cannot be read as of a moment
    parts: Mapping[str, str] = field(default_factory=dict)  # of a wide one: column, the select at $moment that has it

    @property
    def path(self) -> str:
        """Return schema and name: one without a schema is a mart."""
        return self.name if "." in self.name else f"marts.{self.name}"

    @property
    def source(self) -> str:
        """Return the same as SQL."""
        return ".".join(map(quoted, self.path.split(".")))

    def column(self, name: str) -> Column:
        found = self.columns.get(name)
        if found is None:
            raise Refused(404, f"{self.path} has no column {said(name)} that can be drawn{near(name, self.columns)}")
        return found


@dataclass(frozen=True, slots=True)
class Catalog:
    """What one release offers."""

    marts: Mapping[str, Mart]

    def mart(self, name: str) -> Mart:
        found = self.marts.get(name)
        if found is None:
            raise Refused(404, f"the published file has no mart {said(name)}{near(name, self.marts)}")
        return found


def catalog_of(reading: Reading) -> Catalog:
    """Return the catalog of the release that is read."""
    described = dict(
        reading.rows(
            f"select {_NAME}, coalesce(comment, '') from duckdb_tables() "
            f"where database_name = current_database() and {_DRAWN} order by schema_name desc, table_name"
        )
    )
    columns: dict[str, dict[str, Column]] = {name: {} for name in described}
    types: dict[str, dict[str, str]] = {name: {} for name in described}
    for mart, name, dtype, comment in reading.rows(
        f"select {_NAME}, column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        f"where database_name = current_database() and {_DRAWN} order by table_name, column_index"
    ):
        if mart in columns:  # not a view
            types[mart][name] = dtype
            kind = _kind(dtype)
            if kind is not None:
                told = comment.removeprefix(_MARK)
                columns[mart][name] = Column(name, dtype, kind, _unit(name, kind, told), told)
    keys = _keys(reading)
    lacking = without_past(reading.con)
    marts = {
        name: _mart(name, told.removeprefix(_MARK), columns[name], types[name], keys.get(name, ()), lacking)
        for name, told in described.items()
    }
    return Catalog({**marts, **{name: replace(marts[name], parts=parts) for name, parts in _parts(reading).items()}})


def as_document(catalog: Catalog) -> list[dict[str, Any]]:
    """Return the catalog for the page."""
    return [
        {
            "mart": mart.name,
            "description": mart.description,
            "axis": mart.axis,
            "selectors": mart.selectors,
            "no_past": mart.no_past,
            "columns": [
                [one.name, one.kind, one.unit, one.description]
                for one in mart.columns.values()
                if one.name != mart.axis and one.name not in mart.selectors
            ],
        }
        for mart in catalog.marts.values()
    ]


def _mart(
    name: str,
    description: str,
    columns: Mapping[str, Column],
    types: Mapping[str, str],
    key: tuple[str, ...],
    lacking: Mapping[str, str],
) -> Mart:
    axis = _axis(key, types)
    others = [one for one in key if one != axis]
    moments = tuple(one for one in others if types[one].startswith("TIMESTAMP"))
    return Mart(
        name,
        description,
        columns,
        key,
        axis,
        axis is not None and types[axis] == "DATE",
        tuple(one for one in others if one not in moments),
        moments,
        lacking.get(name) if "." not in name else _NO_PAST,
    )


def _axis(key: tuple[str, ...], types: Mapping[str, str]) -> str | None:
    """Return what a mart is drawn over: the period of its key, another date of it, a moment of it.

    Of a mart without a key it is the period, or its only date.
    """
    dates = [one for one in key or types if types[one] == "DATE"]
    for period in PERIOD_COLUMNS:
        if period in dates:
            return period
    if not key:
        return dates[0] if len(dates) == 1 else None
    moments = [one for one in key if types[one] == "TIMESTAMP" and not one.endswith(("known_at", "loaded_at"))]
    return next(iter([*dates, *moments]), None)


def _keys(reading: Reading) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    if has_table(reading.con, "meta", KEYS.name):
        for mart, column in reading.rows(f"select mart, column_name from {KEYS.path} order by mart, key_position"):
            found[mart] = (*found.get(mart, ()), column)
    return found


def _parts(reading: Reading) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    if has_table(reading.con, AS_OF_PARTS.schema, AS_OF_PARTS.name):
        for mart, columns, select in reading.rows(f"select mart, column_names, select_text from {AS_OF_PARTS.path}"):
            found.setdefault(mart, {}).update(dict.fromkeys(columns.split(", "), select))
    return found


def _kind(dtype: str) -> Kind | None:
    if dtype.removeprefix("U").startswith(_NUMBERS) and not dtype.endswith("]"):
        return "number"
    return _KINDS.get(dtype)


def _unit(name: str, kind: Kind, description: str) -> str:
    if kind != "number":
        return {"flag": "yes or no", "state": "state"}.get(kind, "date" if name.endswith("_date") else "moment")
    if unit := short_unit_of(name):
        return unit
    first, found, _ = description.partition(";")
    return first if found and len(first) <= _UNIT_LENGTH and "unit" not in first else "number"
