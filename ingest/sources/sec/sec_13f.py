"""SEC Form 13F data sets: what large managers held at the end of each quarter, of the managers that are kept.

Where   https://www.sec.gov/data-research/sec-markets-data/form-13f-data-sets links to one zip of tab-separated tables
        for each quarter of filings; the names of the files changed more than once, so links are followed and none is
        made up. The SEC wants a contact in the User-Agent (TIDEGAUGE_CONTACT); without it nothing is asked
Grain   one row per data set; per filing; per filing, CUSIP, put or call, shares or principal (lots of one are summed)
Units   values as filed: dollars, of filings before 2023-01-03 thousands; some filers write thousands still. Known on
        the day of filing, at 22:00 New York, never at the end of the quarter. A notice (13F-NT) has no positions
Breaks  SourceChanged on a page without links, a name that says no window, a filing outside the window or before its
        quarter's end, a table or column that is not there, a cut line, a cell that is none of those known

The managers are those of ingest/catalog/managers_13f.yml or of user_files/sec/managers_13f.csv; they go with each
answer into the archive. A data set is asked for once, and again when a manager was added since.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urljoin

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import NotConfigured, SourceError, SourceRefused
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, quoted, refuse_no_data
from ingest.readers.zips import opened
from ingest.sources.sec.data_set_13f import filings_of, positions_of
from ingest.sources.sec.managers import managers_of
from ingest.sources.sec.sec import NO_CONTACT

PAGE_URL: Final = "https://www.sec.gov/data-research/sec-markets-data/form-13f-data-sets"
DATA_SETS: Final = "sec.data_sets_13f"
FILINGS: Final = "sec.filings_13f"
HOLDINGS: Final = "sec.holdings_13f"

_FILES: Final = "https://www.sec.gov/files/"
_LINK: Final = re.compile(r"""href\s*=\s*["']([^"']*form13f[^"']*\.zip)["']""", re.IGNORECASE)
_QUARTER: Final = re.compile(r"(\d{4})q([1-4])_form13f\.zip", re.IGNORECASE)
_SPAN: Final = re.compile(r"(\d{2}[a-z]{3}\d{4})-(\d{2}[a-z]{3}\d{4})_form13f\.zip", re.IGNORECASE)
_EXPECTED: Final = "a zip of the tables SUBMISSION, COVERPAGE, SUMMARYPAGE and INFOTABLE"
_BESIDE: Final = timedelta(days=4)
"""The window ends at 17:30 on its last business day: what came later has the next day's date."""


@dataclass(frozen=True, slots=True, order=True)
class DataSet:
    """A zip that the page links to, with the days of filing that its name says it covers."""

    last: date
    first: date
    name: str
    url: str


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the page, then the newest data sets that are not held, or not with all managers."""
    contact = context.settings.contact
    if not contact:
        raise NotConfigured("sec_13f", "13F data sets", NO_CONTACT)
    managers = managers_of(Home(context.settings.home))
    headers = {"User-Agent": f"tidegauge/0.1 {contact}"}
    page = context.http.get("sec_13f", "page of the data sets", PAGE_URL, headers=headers, meta={"kind": "page"})
    yield page
    held = context.held.get("")
    newest = linked(page)[: context.settings.sec_holdings_data_sets]
    due = [one for one in newest if one.last not in (held or ()) or not _has_all(context, one, managers)]
    for done, one in enumerate(due[:1] if held is None else due):  # nobody says what is held: a look at the publisher
        context.progress(f"13F {one.name}", done, len(due))
        meta = {"kind": "data set", "file": one.name, "managers": ",".join(managers)}
        try:
            yield context.http.get("sec_13f", one.name, one.url, headers=headers, meta=meta)
        except SourceRefused:
            raise  # the next one would be refused for the same reason
        except SourceError as error:
            yield error


def linked(page: Payload) -> list[DataSet]:
    """Return the data sets that the page links to, newest first; one that two links lead to once."""
    if not page.body.strip():
        raise changed(page, "a page with links to ..._form13f.zip", "an empty body")
    found: dict[date, DataSet] = {}
    for link in _LINK.findall(page.body.decode("utf-8", errors="replace")):
        url = urljoin(PAGE_URL, html.unescape(link))
        if not url.startswith(_FILES):
            raise changed(page, f"links to data sets below {_FILES}", quoted(url))
        one = _named(page, url)
        found.setdefault(one.last, one)
    if not found:
        raise changed(page, "links to ..._form13f.zip", "a page without any")
    return sorted(found.values(), reverse=True)


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the filings and positions of the managers that the answer was asked for; nothing for the page."""
    if payload.meta["kind"] == "page":
        return {}
    refuse_no_data(payload, _EXPECTED)
    data_set = _named(payload, payload.meta["file"])
    managers = payload.meta["managers"].split(",")
    with opened(payload, _EXPECTED) as packed:
        listed, kept = filings_of(payload, packed, managers)
        _require_window(payload, listed, data_set)
        positions = positions_of(payload, packed, listed, kept)
    entries = positions.group_by("accession_number").agg(
        pl.col("lots_count").sum().cast(pl.Int64).alias("entries_count")
    )
    kept = kept.join(entries, on="accession_number", how="left", maintain_order="left")
    kept = kept.with_columns(pl.col("entries_count").fill_null(0)).sort("cik", "file_date", "accession_number")
    lost = kept.filter((pl.col("entries_count") == 0) & (pl.col("entries_stated_count") > 0))
    if lost.height:
        name, stated = lost.select("accession_number", "entries_stated_count").row(0)
        raise changed(payload, f"{stated} positions of {name} in INFOTABLE.tsv", "none")
    positions = positions.join(kept.select("accession_number", "cik", "file_date"), on="accession_number").sort(
        "cik", "file_date", "accession_number", "cusip", "put_call", "share_type"
    )
    summary = {
        "last_filing_date": [data_set.last],
        "file_name": [data_set.name],
        "filings_count": [listed.height],
        "managers_count": [len(managers)],
        "filings_kept_count": [kept.height],
        "positions_kept_count": [positions.height],
    }
    return {
        DATA_SETS: panel_rows(payload, DATA_SETS, summary),
        FILINGS: panel_rows(payload, FILINGS, kept.to_dict()),
        HOLDINGS: panel_rows(payload, HOLDINGS, positions.drop("report_date").to_dict()),
    }


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the data set alone: a filing is never withdrawn, and what other managers filed was not looked at."""
    if not rows:
        return []
    last = rows[DATA_SETS]["last_filing_date"][0]
    return [Window("", last, last, table_id=DATA_SETS)]


def _has_all(context: FetchContext, one: DataSet, managers: tuple[str, ...]) -> bool:
    """Say whether the data set was read for each of `managers` when it was last asked for."""
    last = context.http.latest("sec_13f", one.name)
    return last is not None and set(managers) <= set(last.meta.get("managers", "").split(","))


def _named(payload: Payload, url: str) -> DataSet:
    """Return the data set of an address or a file name."""
    name = url.rpartition("/")[2]
    if quarter := _QUARTER.fullmatch(name):
        year, number = int(quarter[1]), int(quarter[2])
        after = date(year + number // 4, number % 4 * 3 + 1, 1)
        return DataSet(after - timedelta(days=1), date(year, 3 * number - 2, 1), name, url)
    if span := _SPAN.fullmatch(name):
        first, last = (_day_of(text) for text in span.groups())
        if first is not None and last is not None and first < last:
            return DataSet(last, first, name, url)
    raise changed(payload, "a name like 2023q4_form13f.zip or 01jun2026-31aug2026_form13f.zip", quoted(name))


def _day_of(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%d%b%Y").date()  # noqa: DTZ007  a day
    except ValueError:
        return None


def _require_window(payload: Payload, listed: pl.DataFrame, data_set: DataSet) -> None:
    outside = listed.filter(~pl.col("file_date").is_between(data_set.first - _BESIDE, data_set.last + _BESIDE))
    if outside.height:
        name, filed = outside.select("accession_number", "file_date").row(0)
        raise changed(payload, f"filings of {data_set.first} to {data_set.last}", f"{name} of {filed}")
