"""Federal Reserve Board: balance sheet, yields, policy rates and consumer credit from the files on its release pages.

Where   https://www.federalreserve.gov/releases/{h41,h15,prates,g19}/data/FRB_*_xml.zip (keyless, public domain), and
        the excess bond premium, a CSV (see excess_bond_premium)
Grain   one row per series and period, the current vintage only; each changed file is a vintage of our own. Months are
        printed as their last day and dated here on their first
Units   UNIT, CURRENCY and UNIT_MULT of the Series element ("1e+09" too); they must be the catalog's
Breaks  SourceChanged on another unit, an unknown OBS_STATUS, two values for one date, a DOCTYPE, a web page;
        a series that left the file, or broke, is named and the others go on
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import IO, Any, Final
from xml.parsers import expat

import polars as pl

from ingest.batch import PartOfPayloadChanged, Window, empty_rows
from ingest.catalog.frequency import period_start
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceChanged, SourceError, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.parsing import changed, refuse_no_data, rows_of, series_of, together
from ingest.readers.zips import opened
from ingest.sources.federal_reserve import excess_bond_premium

BASE: Final = "https://www.federalreserve.gov/releases"
URLS: Final = {
    "H41": f"{BASE}/h41/data/FRB_h41_xml.zip",
    "H15": f"{BASE}/h15/data/FRB_h15_xml.zip",
    "PRATES": f"{BASE}/prates/data/FRB_PRATES_xml.zip",  # upper case here, lower case in the others
    "G19": f"{BASE}/g19/data/FRB_g19_xml.zip",
    "EBP": excess_bond_premium.URL,
}
MAX_XML_BYTES: Final = 1024**3  # H.4.1 has 126 MB

_NORMAL = "A"
_NO_VALUE = frozenset({"NC", "NA", "ND"})  # not calculable, not available, no data
_SENTINELS = frozenset({-9999.0, -999999.0})
_CHUNK = 1 << 20


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield one zip per release that the catalog names, or the Board's word (304) that it has not changed.

    "If changed" is asked only where the rows of the newest zip have landed: a run killed between archive and landing
    must get the file again.
    """
    releases = sorted({_release(provider.code) for _, provider in context.pairs}, key=list(URLS).index)
    for done, release in enumerate(releases):
        context.progress(f"Board {release}", done, len(releases))
        pairs = [pair for pair in context.pairs if _release(pair[1].code) == release]
        try:
            yield _ask(context, release, pairs)
        except SourceUnavailable:
            raise  # one host serves all releases
        except SourceError as error:
            yield error


def _ask(context: FetchContext, release: str, pairs: Sequence[Pair]) -> Payload:
    newest = context.http.latest("federal_reserve", release)
    etag = newest.headers.get("etag") if newest is not None and newest.sha256 in context.landed else None
    held = {series.id: context.since[series.id] for series, _ in pairs}
    return context.http.get(
        "federal_reserve",
        release,
        URLS[release],
        headers={"If-None-Match": etag} if etag else None,
        meta={
            "release": release,
            "series": series_of(pairs),
            "held": ",".join(f"{series_id}={last}" for series_id, last in held.items() if last is not None),
        },
        accept_status=(200, 304) if etag else (200,),
    )


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the normal observations of `pairs`; PartOfPayloadChanged when some of them are missing or broken."""
    if payload.status == 304:
        return empty_rows()
    release = payload.meta["release"]
    wanted = {provider.code.partition("/")[2]: (series, provider) for series, provider in pairs
              if _release(provider.code) == release}  # fmt: skip
    if release == "EBP":
        return together([excess_bond_premium.rows(payload, pair, column) for column, pair in wanted.items()])
    found = _read(payload, release, frozenset(wanted))
    frames: list[pl.DataFrame] = []
    problems: dict[str, SourceChanged] = {}
    for name, (series, provider) in wanted.items():
        try:
            frames.append(_rows(payload, (series, provider), found.get(name)))
        except SourceChanged as error:
            problems[series.id] = error
    rows = together([frame for frame in frames if not frame.is_empty()])
    if problems:
        raise PartOfPayloadChanged(rows, problems)
    return rows


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the whole history of each series in the file; after a 304 the periods behind those we hold."""
    if payload.status != 304:
        return [Window(series_id, None) for series_id in rows["series_id"].unique(maintain_order=True)]
    held = (pair.split("=") for pair in payload.meta["held"].split(",") if pair)
    return [Window(series_id, date.fromisoformat(last) + timedelta(days=1)) for series_id, last in held]


def _release(code: str) -> str:
    return code.partition("/")[0]


@dataclass(slots=True)
class _Found:
    """One SERIES_NAME of the file; it may stand in several DataSets."""

    units: set[str] = field(default_factory=set)
    values: dict[str, float] = field(default_factory=dict)  # by TIME_PERIOD
    error: tuple[str, str] | None = None  # expected, seen: the first thing that broke


def _rows(payload: Payload, pair: Pair, found: _Found | None) -> pl.DataFrame:
    series, provider = pair
    if found is None:
        if series.ends is not None:
            return empty_rows()
        raise changed(payload, f"series {provider.code} ({series.id})", "a file without it")
    if found.error is not None:
        raise changed(payload, found.error[0], found.error[1])
    if found.units != {provider.unit}:
        seen = " and ".join(repr(unit) for unit in sorted(found.units))
        raise changed(payload, f"unit {provider.unit!r} of {provider.code} ({series.id})", seen)
    if not found.values:
        raise changed(payload, f"values of {provider.code} ({series.id})", "a series without one")
    try:
        days = [date.fromisoformat(day) for day in found.values]
    except ValueError as error:
        raise changed(payload, f"dates like 2026-01-31 in {provider.code}", str(error)) from None
    days = [period_start(series.frequency, day) for day in days]
    return rows_of(payload, pair, days, list(found.values.values()))


def _read(payload: Payload, release: str, wanted: frozenset[str]) -> dict[str, _Found]:
    """Stream the data file of the zip and keep the series of `wanted`."""
    refuse_no_data(payload, f"a zip with {release}_data.xml")
    reader = _Reader(payload, wanted)
    try:
        with (
            opened(payload, f"a zip with {release}_data.xml") as packed,
            packed.open(_member(payload, packed, release)) as file,
        ):
            reader.feed(file)
    except expat.ExpatError as error:
        raise changed(payload, f"well-formed XML in {release}_data.xml", str(error)) from None
    return reader.found


def _member(payload: Payload, packed: zipfile.ZipFile, release: str) -> zipfile.ZipInfo:
    name = f"{release}_data.xml"
    for member in packed.infolist():
        if member.filename.lower() == name.lower():
            if member.file_size > MAX_XML_BYTES:
                raise changed(payload, f"at most {MAX_XML_BYTES} bytes of XML", f"{member.file_size}")
            return member
    raise changed(payload, f"a zip with {name}", f"one with {', '.join(packed.namelist()) or 'nothing'}")


class _Reader:
    """An expat reader: no tree, so 126 MB of XML cost no memory. Namespaces differ per release: local names count."""

    def __init__(self, payload: Payload, wanted: frozenset[str]) -> None:
        self.found: dict[str, _Found] = {}
        self._payload = payload
        self._wanted = wanted
        self._current: _Found | None = None
        self._name = ""
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def feed(self, file: IO[bytes]) -> None:
        """Read the whole file, in pieces; the size in a zip's directory may lie, so the bytes are counted."""
        size = 0
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > MAX_XML_BYTES:
                raise changed(self._payload, f"at most {MAX_XML_BYTES} bytes of XML", "more")
            self._parser.Parse(chunk, False)
        self._parser.Parse(b"", True)

    def _refuse(self, *_: Any) -> None:
        raise changed(self._payload, "XML without DOCTYPE and entities", "a file that declares them")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition(":")[2]
        if local == "Series":
            self._begin(attributes)
        elif local == "Obs" and self._current is not None and self._current.error is None:
            self._observe(self._current, attributes)

    def _begin(self, attributes: dict[str, str]) -> None:
        self._name = attributes.get("SERIES_NAME", "")
        if self._name not in self._wanted:
            self._current = None
            return
        self._current = self.found.setdefault(self._name, _Found())
        self._current.units.add(_unit(attributes))

    def _observe(self, found: _Found, attributes: dict[str, str]) -> None:
        status, day, text = (attributes.get(name, "") for name in ("OBS_STATUS", "TIME_PERIOD", "OBS_VALUE"))
        where = f"{self._name} on {day or 'no date'}"
        if status in _NO_VALUE:
            return
        if status != _NORMAL:
            found.error = (f"OBS_STATUS A, NC, NA or ND of {where}", repr(status))
            return
        value = _number(text)
        if value is None or value in _SENTINELS:
            found.error = (f"a value of {where}", repr(text))
        elif found.values.setdefault(day, value) != value:
            found.error = (f"one value of {where}", f"{found.values[day]:g} in one DataSet and {value:g} in another")


def _unit(attributes: dict[str, str]) -> str:
    """Return the unit as the catalog writes it: UNIT, CURRENCY, multiplier as a whole number."""
    multiplier = _number(attributes.get("UNIT_MULT", ""))
    shown = attributes.get("UNIT_MULT", "none") if multiplier is None else str(int(multiplier))
    return f"{attributes.get('UNIT', 'none')} {attributes.get('CURRENCY', 'none')} x {shown}"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
