"""www.sec.gov: the page of the 13F data sets and the zips it links to, with made-up books of stocks of the panel.

One filer writes thousands, one prices a position wrongly, one restates, one adds what it had kept confidential, one
only gives notice: what real data sets have.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final
from zlib import crc32

import numpy as np
import polars as pl

from ingest.catalog.managers import default_managers
from ingest.clock import NEW_YORK
from simulator.render.view import Request, Response, View, not_found

_PAGE: Final = "/data-research/sec-markets-data/form-13f-data-sets"
_FOLDERS: Final = ("structureddata/data", "datastandardsinnovation/data")
_SETS: Final = 8
_OUT_AFTER: Final = timedelta(days=9)
_STOCKS: Final = 40
_OTHERS: Final = 12
"""Filers that nobody follows: they show the usual price."""

_HEADERS: Final = {
    "SUBMISSION": "ACCESSION_NUMBER FILING_DATE SUBMISSIONTYPE CIK PERIODOFREPORT",
    "COVERPAGE": "ACCESSION_NUMBER ISAMENDMENT AMENDMENTNO AMENDMENTTYPE FILINGMANAGER_NAME REPORTTYPE",
    "SUMMARYPAGE": "ACCESSION_NUMBER TABLEENTRYTOTAL TABLEVALUETOTAL ISCONFIDENTIALOMITTED",
    "INFOTABLE": (
        "ACCESSION_NUMBER INFOTABLE_SK NAMEOFISSUER TITLEOFCLASS CUSIP FIGI VALUE SSHPRNAMT SSHPRNAMTTYPE PUTCALL"
        " INVESTMENTDISCRETION OTHERMANAGER VOTING_AUTH_SOLE VOTING_AUTH_SHARED VOTING_AUTH_NONE"
    ),
}
_Tables = dict[str, list[tuple[Any, ...]]]


def render(view: View, request: Request) -> Response:
    """Return the page or a zip; a recorded market has no filings."""
    if not view.market.is_simulated:
        return not_found()
    if "@" not in request.headers.get("user-agent", ""):
        return Response(b"<html><title>Undeclared Automated Tool</title></html>", status=403)
    links = {_link(last): last for last in _windows(view)}
    if request.path == _PAGE:
        lines = "".join(f'<tr><td><a href="{link}">13F</a></td></tr>' for link in links)
        return Response(f"<!DOCTYPE html><html><table>{lines}</table></html>".encode(), "text/html")
    if request.path not in links:
        return not_found()
    last = links[request.path]
    return Response(_zip(view, last), "application/zip")


def _windows(view: View) -> Iterator[date]:
    """Yield the last days of the newest windows that are over, newest first."""
    today = view.now.astimezone(NEW_YORK).date() - _OUT_AFTER
    first = date(today.year, today.month, 1)
    while first.month not in (3, 6, 9, 12):
        first = (first - timedelta(days=1)).replace(day=1)
    for _ in range(_SETS):
        yield first - timedelta(days=1)
        first = (first - timedelta(days=70)).replace(day=1)


def _first(last: date) -> date:
    return (last - timedelta(days=80)).replace(day=1)


def _link(last: date) -> str:
    """Return the address: the newest ones lie in another folder than the others."""
    name = f"{_first(last):%d%b%Y}-{last:%d%b%Y}_form13f.zip".lower()
    return f"/files/{_FOLDERS[last.month == 8]}/form-13f-data-sets/{name}"


def _zip(view: View, last: date) -> bytes:
    tables: _Tables = {name: [] for name in _HEADERS}
    quarter_end = _first(last) + timedelta(days=29)  # of the month in which the window begins
    while (quarter_end + timedelta(days=1)).day != 1 or quarter_end.month % 3:
        quarter_end += timedelta(days=1)
    stocks = _stocks(view, quarter_end)
    managers = [one.cik for one in default_managers()] + [f"{9_000_000_000 + at}" for at in range(_OTHERS)]
    for place, cik in enumerate(managers):
        _file(tables, cik, place, quarter_end, stocks)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            lines = (_HEADERS[name].split(), *rows)
            text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
            archive.writestr(zipfile.ZipInfo(f"{name}.tsv"), text)
    return packed.getvalue()


def _stocks(view: View, quarter_end: date) -> list[tuple[str, float]]:
    """Return the stocks of the books with their last closes of the quarter."""
    panel = view.market.panel
    stocks = panel.issues.filter(pl.col("sector").is_not_null() & (pl.col("sector") != "")).sort("permid").head(_STOCKS)
    near = panel.prices.filter(
        pl.col("session_date").is_between(quarter_end - timedelta(days=6), quarter_end)
        & pl.col("permid").is_in(stocks["permid"].to_list())
        & pl.col("close_usd").is_not_null()
    )
    closes = near.sort("session_date", "known_at").group_by("permid").agg(pl.col("close_usd").last()).sort("permid")
    return [(permid, float(close)) for permid, close in closes.iter_rows()]


def _file(tables: _Tables, cik: str, place: int, quarter_end: date, stocks: list[tuple[str, float]]) -> None:
    """Add a manager's report, and what it files later: managers stand at a place that says what is odd about them."""
    book = [(permid, close, _shares(cik, permid, quarter_end)) for permid, close in stocks]
    lines = [_position(permid, close, shares) for permid, close, shares in book if shares]
    if place == 1:  # in thousands
        lines = [(*line[:3], round(line[3] / 1000), *line[4:]) for line in lines]
    if place == 2 and lines:  # a wrong price
        lines[0] = (*lines[0][:3], round(lines[0][3] * 0.27), *lines[0][4:])
    if place == 3 and book:  # options beside the shares
        permid, close, _ = book[0]
        lines += [_position(permid, close, 50_000, "Put"), _position(permid, close, 20_000, "Call")]
    hidden, lines = (lines[:1], lines[1:]) if place == 0 else ([], lines)
    filed = quarter_end + timedelta(days=44)
    if place == 5:
        _add(tables, cik, 1, filed, quarter_end, [], form="13F-NT")
        return
    _add(tables, cik, 1, filed - timedelta(days=place % 20), quarter_end, lines)
    if hidden:
        _add(tables, cik, 2, filed + timedelta(days=10), quarter_end, hidden, amendment="NEW HOLDINGS")
    if place == 4 and lines:
        right = [(*lines[0][:3], lines[0][3] * 2, lines[0][4] * 2, *lines[0][5:]), *lines[1:]]
        _add(tables, cik, 2, filed + timedelta(days=12), quarter_end, right, amendment="RESTATEMENT")


def _shares(cik: str, permid: str, quarter_end: date) -> int:
    """Return how many shares a manager holds: bought, sold and sold out of as the quarters go."""
    drawn = np.random.default_rng(crc32(f"13F {cik} {permid}".encode()))
    if drawn.random() < 0.45:
        return 0
    size = 10 ** drawn.uniform(4.0, 6.5)
    steps = drawn.normal(0.0, 0.25, 200)
    at = (quarter_end.year - 2000) * 4 + quarter_end.month // 3
    level = size * float(np.exp(steps[max(at - 8, 0) : at % 200].sum()))
    return 0 if drawn.random(400)[at % 400] < 0.08 else round(level) if steps[at % 200] > -0.1 else round(size)


def _position(permid: str, close: float, shares: int, put_call: str = "") -> tuple[Any, ...]:
    cusip = f"{crc32(permid.encode()) % 10**8:08}0"
    name = f"{permid} (SIMULATED)"
    return (name, "COM", cusip, round(close * shares), shares, "SH", put_call)


def _add(
    tables: _Tables,
    cik: str,
    number: int,
    filed: date,
    quarter_end: date,
    lines: list[tuple[Any, ...]],
    *,
    form: str = "13F-HR",
    amendment: str = "",
) -> None:
    told = f"{cik}-{quarter_end:%y}-{quarter_end.month * 100 + number:06}"
    day, end = (f"{one:%d-%b-%Y}".upper() for one in (filed, quarter_end))
    kind = "13F NOTICE" if form == "13F-NT" else "13F HOLDINGS REPORT"
    marks = ("Y", 1, amendment) if amendment else ("", "", "")
    tables["SUBMISSION"].append((told, day, form + "/A" * bool(amendment), cik, end))
    tables["COVERPAGE"].append((told, *marks, f"Manager {int(cik)} (SIMULATED)", kind))
    if form == "13F-NT":
        return
    tables["SUMMARYPAGE"].append((told, len(lines), sum(line[3] for line in lines), "N"))
    for at, (name, title, cusip, value, shares, unit, put_call) in enumerate(lines):
        rest = ("SOLE", "", shares, 0, 0)
        tables["INFOTABLE"].append((told, at, name, title, cusip, "", value, shares, unit, put_call, *rest))


HOSTS: Final = {"www.sec.gov": render}
