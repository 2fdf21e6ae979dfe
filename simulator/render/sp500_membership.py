"""raw.githubusercontent.com/fja05680/sp500 and Wikipedia's list: who was and who is in the index."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import escape
from itertools import zip_longest
from typing import Final
from urllib.parse import unquote

import polars as pl

from ingest.clock import NEW_YORK
from simulator.panel import Panel
from simulator.render.view import Request, Response, View, not_found

FILES_ARE_BEHIND = timedelta(days=21)
"""How long after a change the files of the repository have it; Wikipedia has it on the day."""

_FILE = re.compile(r"/fja05680/sp500/(?:refs/heads/)?[^/]+/([^/]+)")
_LIST = "/wiki/List_of_S&P_500_companies"
_RECENT = date(2019, 1, 1)
_MACHINES = ("python-urllib", "python-requests", "python-httpx", "curl/", "wget/")


def render_files(view: View, request: Request) -> Response:
    """Return a file of the repository as it is on its branch now; GitHub's 404 for one that is not there."""
    found = _FILE.fullmatch(unquote(request.path))
    lines = _lines(view, found.group(1)) if found else []
    if not lines:
        return Response(b"404: Not Found", "text/plain; charset=utf-8", status=404)
    return Response(("\n".join(lines) + "\n").encode(), "text/plain; charset=utf-8")


def render_list(view: View, request: Request) -> Response:
    """Return the page with its two tables; 403 for a client that does not say who it is."""
    agent = request.headers.get("user-agent", "").lower()
    if not agent or agent.startswith(_MACHINES):
        page = "<!DOCTYPE html>\n<html><head><title>Error</title></head><body>Please set a user-agent.</body></html>\n"
        return Response(page.encode(), status=403)
    panel = view.market.panel
    if unquote(request.path) != _LIST or not panel.has_names:
        return not_found()
    return Response(_page(panel, view.now.astimezone(NEW_YORK).date()).encode(), "text/html; charset=UTF-8")


def _lines(view: View, name: str) -> list[str]:
    panel = view.market.panel
    today = view.now.astimezone(NEW_YORK).date()
    behind = today - FILES_ARE_BEHIND
    if panel.membership.is_empty():
        return []
    if name == "sp500_ticker_start_end.csv":
        return _start_end(panel, behind)
    if name == "S&P 500 Historical Components & Changes (Updated).csv":
        return _components(panel, behind)
    if name == "sp500_changes_since_2019.csv":
        return _changes(panel, behind)
    if name == "sp500.csv" and panel.has_names:
        header = "Symbol,Security,GICS Sector,GICS Sub-Industry,Headquarters Location,Date added,CIK,Founded"
        return [header, *(_quoted(cells) for cells in _constituents(panel, behind))]
    return []


def _spelled(ticker: str) -> str:
    return ticker.replace("-", ".")


def _start_end(panel: Panel, day: date) -> list[str]:
    """Return every stay begun by `day`, by ticker; a rename ends one and begins another."""
    stays = panel.membership.filter(pl.col("start_date") <= day).select("ticker", "start_date", "end_date")
    rows = sorted((_spelled(ticker), start, end) for ticker, start, end in stays.iter_rows())
    return ["ticker,start_date,end_date"] + [
        f"{ticker},{start},{end if end is not None and end <= day else ''}" for ticker, start, end in rows
    ]


def _components(panel: Panel, day: date) -> list[str]:
    """Return all members on each day on which they changed."""
    stays = panel.membership
    turns = pl.concat([stays["start_date"], stays["end_date"].drop_nulls()]).unique().sort()
    lines = ["date,tickers"]
    for turn in turns.filter(turns <= day).to_list():
        tickers = sorted(_spelled(ticker) for ticker in panel.members(turn)["ticker"].to_list())
        lines.append(f'{turn},"{",".join(tickers)}"')
    return lines


def _changes(panel: Panel, day: date) -> list[str]:
    recent = panel.changes.filter(pl.col("effective_date").is_between(_RECENT, day)).sort("effective_date")
    return ["date,add,remove"] + [
        f"{turn},{_cell(added)},{_cell(removed)}"
        for turn, added, removed in recent.select("effective_date", "added", "removed").iter_rows()
    ]


def _cell(tickers: str | None) -> str:
    return f'"{tickers}"' if tickers else ""


def _constituents(panel: Panel, day: date) -> list[list[str]]:
    """Return Symbol, Security, sector, sub-industry, place, date added, CIK, founded of the members of `day`."""
    members = panel.members(day).join(panel.issues, on="permid", maintain_order="left")
    columns = members.select("ticker", "company_name", "sector", "start_date")
    return [
        [_spelled(ticker), name, sector, f"{sector} Companies", "New York City, New York", str(start),
         f"{at:010d}", "1987"]
        for at, (ticker, name, sector, start) in enumerate(columns.iter_rows(), start=1)
    ]  # fmt: skip


def _quoted(cells: list[str]) -> str:
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in cells)


def _page(panel: Panel, today: date) -> str:
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Symbol", "Security", "GICS Sector", "GICS Sub-Industry", "Headquarters Location", "Date added",
                     "CIK", "Founded")
    )  # fmt: skip
    rows = "\n".join(_member_row(cells) for cells in _constituents(panel, today))
    changes = panel.changes.filter(pl.col("effective_date") <= today).sort("effective_date", descending=True)
    history = "\n".join(
        line for turn, added, removed in changes.iter_rows() for line in _change_rows(panel, turn, added, removed)
    )
    return f"""<!DOCTYPE html>
<html class="client-nojs" lang="en" dir="ltr">
<head><meta charset="UTF-8"/><title>List of S&amp;P 500 companies - Wikipedia</title></head>
<body>
<table class="wikitable sortable sticky-header" id="constituents">
<tbody><tr>{head}</tr>
{rows}
</tbody></table>
<table class="wikitable sortable sticky-header" id="changes">
<tbody><tr><th rowspan="2">Effective Date</th><th colspan="2">Added</th><th colspan="2">Removed</th>
<th rowspan="2">Reason</th></tr>
<tr><th>Ticker</th><th>Security</th><th>Ticker</th><th>Security</th></tr>
{history}
</tbody></table>
</body>
</html>
"""


def _member_row(cells: list[str]) -> str:
    symbol, security, *rest = (escape(cell, quote=False) for cell in cells)
    link = f'<a rel="nofollow" class="external text" href="https://www.nyse.com/quote/XNYS:{symbol}">{symbol}</a>'
    name = f'<a href="/wiki/Simulated" title="{security}">{security}</a>'
    return f"<tr><td>{link}</td><td>{name}</td>" + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"


def _change_rows(panel: Panel, turn: date, added: str | None, removed: str | None) -> list[str]:
    stays = panel.membership.join(panel.issues, on="permid")
    sides = []
    for tickers, edge in ((added, "start_date"), (removed, "end_date")):
        names = dict(stays.filter(pl.col(edge) == turn).select("ticker", "company_name").iter_rows())
        found = [(ticker, str(names[ticker.replace(".", "-")])) for ticker in (tickers or "").split(",") if ticker]
        sides.append(found)
    rows = []
    for came, went in zip_longest(*sides, fillvalue=("", "")):
        cells = [f"{turn:%B} {turn.day}, {turn.year}", *came, *went, "Simulated."]
        rows.append("<tr>" + "".join(f"<td>{escape(cell, quote=False)}</td>" for cell in cells) + "</tr>")
    return rows


HOSTS: Final = {"raw.githubusercontent.com": render_files, "en.wikipedia.org": render_list}
