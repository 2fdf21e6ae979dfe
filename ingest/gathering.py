"""What asking and replaying have in common, for series and for panels: what breaks is named, the rest goes on."""

from __future__ import annotations

import csv
import logging
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Final, TypeVar
from xml.etree import ElementTree
from xml.parsers import expat

import polars as pl

from ingest.archive import Archive, Entry
from ingest.errors import ArchiveDamaged, NotAsked, SourceChanged, SourceError, TidegaugeError
from ingest.payload import Payload

_log = logging.getLogger("tidegauge.collect")

Rows = TypeVar("Rows")

DECLARED: Final = (
    pl.exceptions.PolarsError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    csv.Error,
    expat.ExpatError,
    ElementTree.ParseError,
    UnicodeError,
    RecursionError,
    OverflowError,
)
"""What libraries raise on bytes they cannot read: the answer's fault. Anything else that is no SourceError is ours."""


def fetched(source: str, fetch: Callable[[], Iterable[Payload | SourceError]]) -> Iterator[Payload | SourceError]:
    """Yield what `fetch` gives; what it raises about the source becomes its last item."""
    try:
        for item in fetch():
            yield item
            if isinstance(item, NotAsked) and item.is_over:
                return  # nothing that is asked from now on would be answered
    except SourceError as error:
        yield error
    except (TidegaugeError, MemoryError):
        raise
    except DECLARED as error:
        yield _unreadable(source, "fetch", error)
    except Exception as error:  # noqa: BLE001 - named as a problem and logged, so that other sources go on
        # fetch peeks into answers (page counts, totals): one that nobody foresaw breaks it like a parse
        _log.exception("%s: fetch broke", source)
        yield _unforeseen(source, "fetch", error)


def parsed(source: str, payload: Payload, parse: Callable[[Payload], Rows]) -> Rows | SourceError:
    """Return the rows of one payload, or (not raised) why there are none."""
    try:
        return parse(payload)
    except SourceError as error:
        return error
    except (TidegaugeError, MemoryError):
        raise
    except DECLARED as error:
        return _unreadable(source, payload.name, error)
    except Exception as error:  # noqa: BLE001 - named as a problem and logged, so that other payloads go on
        _log.exception("%s: %s: parse broke", source, payload.name)
        return _unforeseen(source, payload.name, error)


def archived_batches(archive: Archive, source: str) -> Iterator[tuple[datetime, Iterator[Payload]]]:
    """Yield the batches of a source in the order in which they were fetched: the moment, and the payloads once each."""
    entries = (entry for entry in archive.entries() if entry.source == source)
    for name, group in groupby(entries, key=lambda entry: entry.batch):
        batch = list(group)
        fetched_at = datetime.fromisoformat(name) if name else batch[0].fetched_at
        yield fetched_at, _payloads(archive, batch)


def _payloads(archive: Archive, entries: Iterable[Entry]) -> Iterator[Payload]:
    for entry in entries:
        try:
            yield payload_of(archive, entry)
        except ArchiveDamaged as error:
            if archive.lost is None:
                raise
            archive.lost.append(error)


def payload_of(archive: Archive, entry: Entry) -> Payload:
    """Return the payload of an entry of the index, as it was fetched; ArchiveDamaged where its bytes are not there."""
    return Payload(
        source=entry.source,
        name=entry.name,
        url=entry.url,
        body=archive.body(entry.sha256),
        sha256=entry.sha256,
        fetched_at=entry.fetched_at,
        status=entry.status,
        headers=entry.headers,
        meta=entry.meta,
    )


def _unreadable(source: str, payload: str, error: Exception) -> SourceChanged:
    what = "one nested too deep" if isinstance(error, RecursionError) else f"{type(error).__name__}: {error}"
    _log.warning("%s: %s: cannot be read: %s", source, payload, what.partition("\n")[0])
    return SourceChanged(source, payload, expected="an answer that can be read", seen=what)


def _unforeseen(source: str, payload: str, error: Exception) -> SourceChanged:
    seen = f"one that broke the reading: {type(error).__name__}: {error}"
    return SourceChanged(source, payload, expected="the recorded layout", seen=seen)
