"""Federal Reserve Bank of New York: SOFR, EFFR and the overnight reverse repo facility.

Where   https://markets.newyorkfed.org/api (keyless JSON), long windows asked in pieces of one calendar year
Grain   one row per series and business day; SOFR from 2018-04-02, EFFR from 2000-07-03, reverse repo from 2013-09-23
Units   rates in percent (the field's name says percentRate), SOFR volume in billions, reverse repo in dollars
Breaks  SourceChanged when a field is missing (the published schema says percent, the service percentRate), on two
        different values for a day without revision sign, on an answer without rows for more than a week. A `note`
        may be absent from an operation; every other field named here must be there
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.parsing import (
    changed,
    day,
    field,
    json_of,
    listed,
    number,
    oldest,
    quoted,
    rows_of,
    series_of,
    together,
    windows_of,
)

_API = "https://markets.newyorkfed.org/api"
_OVERLAP = timedelta(days=60)
_LONGEST_CLOSURE = timedelta(days=7)  # no run of holidays leaves more days without a row
_NOT_AVAILABLE = ("NA",)


@dataclass(frozen=True, slots=True)
class _Dataset:
    prefix: str  # of the codes in the catalog
    title: str
    path: str
    first_day: date
    params: Mapping[str, str]


_DATASETS: Final = (
    _Dataset("rates/sofr/", "SOFR", "/rates/secured/sofr/search.json", date(2018, 4, 1), {}),
    _Dataset("rates/effr/", "EFFR", "/rates/unsecured/effr/search.json", date(2000, 7, 1), {}),
    _Dataset(
        "rp/",
        "reverse repo",
        "/rp/results/search.json",
        date(2013, 9, 20),
        {"operationTypes": "reverserepo", "securityType": "tsy", "term": "Overnight"},
    ),
)


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield, dataset by dataset, the pieces of its window.

    Oldest first, and not past a piece that failed: the next run goes on from the newest day held.
    """
    today = context.clock().astimezone(NEW_YORK).date()
    for dataset in _DATASETS:
        pairs = [pair for pair in context.pairs if pair[1].code.startswith(dataset.prefix)]
        if not pairs:
            continue
        try:
            yield from _fetch_pieces(context, dataset, pairs, today)
        except SourceError as error:  # the other datasets may still answer
            yield error


def _fetch_pieces(context: FetchContext, dataset: _Dataset, pairs: Sequence[Pair], today: date) -> Iterator[Payload]:
    held = oldest([context.since[series.id] for series, _ in pairs])
    start = dataset.first_day if held is None else max(dataset.first_day, held - _OVERLAP)
    pieces = _pieces(start, today)
    for done, (first, last) in enumerate(pieces, start=1):
        asked = {"startDate": first.isoformat(), "endDate": last.isoformat()}
        yield context.http.get(
            "new_york_fed",
            f"{dataset.title} {first} to {last}",
            _API + dataset.path,
            params={**asked, **dataset.params},
            meta={
                "part": dataset.prefix,
                "start": first.isoformat(),
                "end": last.isoformat(),
                "series": series_of(pairs),
            },
        )
        context.progress(f"new_york_fed: {dataset.title}", done, len(pieces))


def _pieces(start: date, end: date) -> list[tuple[date, date]]:
    """Return [start, end] whole when it is not longer than a year, cut at each New Year otherwise."""
    if end - start <= timedelta(days=366):
        return [(start, end)]
    years = range(start.year, end.year + 1)
    return [(max(start, date(year, 1, 1)), min(end, date(year, 12, 31))) for year in years]


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return rates and volumes, or the amount accepted per day in reverse repo."""
    wanted = [pair for pair in pairs if pair[1].code.startswith(payload.meta["part"])]
    read: Callable[[Payload, Sequence[Pair]], pl.DataFrame]
    read = _reverse_repo if payload.meta["part"] == "rp/" else _reference_rates
    return read(payload, wanted)


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the piece that was asked for."""
    return windows_of(payload, *(date.fromisoformat(payload.meta[name]) for name in ("start", "end")))


def _require_some(payload: Payload, found: Sequence[Any], what: str) -> None:
    """Raise SourceChanged on silence up to the day of asking. A year of long ago may be missing as a whole."""
    first, last = (date.fromisoformat(payload.meta[name]) for name in ("start", "end"))
    is_newest = payload.fetched_at.date() - last <= timedelta(days=1)  # fetched_at is UTC, `end` a day in New York
    if not found and is_newest and last - first > _LONGEST_CLOSURE:
        raise changed(payload, f"{what} between {first} and {last}", "none")


# ---- reference rates -----------------------------------------------------------------------------------------------


def _reference_rates(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    document = json_of(payload, "JSON of reference rates")
    records = listed(payload, document, "refRates", "the answer")
    _require_some(payload, records, "rates")
    final = _final_records(payload, records)
    frames = []
    for pair in pairs:
        name = pair[1].code.removeprefix(payload.meta["part"])
        values = [
            number(payload, field(payload, record, name, f"the rate of {on}"), _NOT_AVAILABLE, f"{name} of {on}")
            for on, record in final.items()
        ]
        frames.append(rows_of(payload, pair, list(final), values))
    return together(frames)


def _final_records(payload: Payload, records: Sequence[Any]) -> dict[date, dict[str, Any]]:
    """Return one record per day: the revised one where a day has two."""
    kind = payload.meta["part"].split("/")[1].upper()
    final: dict[date, dict[str, Any]] = {}
    for record in records:
        on = day(payload, field(payload, record, "effectiveDate", "a rate"), "%Y-%m-%d", "effectiveDate")
        if field(payload, record, "type", f"the rate of {on}") != kind:
            raise changed(payload, f"type {kind}", f"{quoted(record['type'])} on {on}")
        is_revised = _is_revised(payload, record, on)
        other = final.get(on)
        if other is not None and record != other and None in (told := [_rate(one) for one in (other, record)]):
            final[on] = record if told[0] is None else other  # an empty record beside a filled one says nothing
        elif other is None or is_revised > _is_revised(payload, other, on):
            final[on] = record
        elif is_revised == _is_revised(payload, other, on) and record != other:
            seen = f"two rates of {on}: {quoted(_rate(other))} and {quoted(_rate(record))}"
            raise changed(payload, "one rate a day, or a second one with revisionIndicator r", seen)
    return final


def _rate(record: Mapping[str, Any]) -> object:
    """Return what a record says, as it stands there; None where that is nothing."""
    found = record.get("percentRate")
    return None if found in (None, "", *_NOT_AVAILABLE) else found


def _is_revised(payload: Payload, record: dict[str, Any], on: date) -> bool:
    sign = field(payload, record, "revisionIndicator", f"the rate of {on}")
    if sign not in ("", "r", "R"):
        raise changed(payload, 'revisionIndicator "" or "r"', f"{quoted(sign)} on {on}")
    return bool(sign)


# ---- reverse repo --------------------------------------------------------------------------------------------------


def _reverse_repo(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the sum accepted per day over the finished overnight operations, tests of the facility left out."""
    document = json_of(payload, "JSON of repo operations")
    repo = field(payload, document, "repo", "the answer")
    operations = listed(payload, repo, "operations", "repo")
    _require_some(payload, operations, "operations")
    accepted: defaultdict[date, float] = defaultdict(float)
    seen: dict[str, Any] = {}
    for operation in operations:
        on = day(payload, field(payload, operation, "operationDate", "an operation"), "%Y-%m-%d", "operationDate")
        if not _counts(payload, operation, f"the operation of {on}"):
            continue
        # The same twice is one operation. One without a name is told from others by all that it says.
        name = str(operation.get("operationId") or sorted(map(str, operation.items())))
        if seen.setdefault(name, operation) is not operation:
            if seen[name] == operation:
                continue
            amounts = [quoted(one.get("totalAmtAccepted")) for one in (seen[name], operation)]
            twice = f"it twice, with {amounts[0]} and {amounts[1]} accepted"
            raise changed(payload, f"the operation {quoted(name)} of {on} once", twice)
        text = field(payload, operation, "totalAmtAccepted", f"the operation of {on}")
        amount = number(payload, text, (), f"totalAmtAccepted of {on}")
        if amount is None:
            raise changed(payload, f"totalAmtAccepted of {on}", "null in an operation with results")
        accepted[on] += amount
    days = sorted(accepted)
    return together([rows_of(payload, pair, days, [accepted[on] for on in days]) for pair in pairs])


def _counts(payload: Payload, operation: dict[str, Any], where: str) -> bool:
    """Say whether an operation is one whose result is the facility's use that day."""
    wanted = {"auctionStatus": "Results", "term": "Overnight", "operationType": "Reverse Repo"}
    found: dict[str, object] = {name: field(payload, operation, name, where) for name in wanted}
    note: object = operation.get("note") or ""  # the service may leave it out, and an operation without note is no test
    return found == wanted and "small value exercise" not in str(note).casefold()
