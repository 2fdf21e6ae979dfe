"""www.newyorkfed.org: the workbook of household debt, recorded or made, and the page that links to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any, Final

import numpy as np

from ingest.clock import naive_utc
from ingest.dataset import dataset
from simulator.render.view import Request, Response, View
from simulator.render.workbook import CONTENT_TYPE, workbook_of

_PAGE_PATH: Final = "/microeconomics/databank.html"
_FOLDER: Final = "/medialibrary/interactives/householdcredit/data/xls/"
_NAME: Final = re.compile(r"HHD_C_Report_\d{4}Q[1-4]\.xlsx")
_FOLLOWS: Final = "card_delinquency_30dpd_banks"
_SOURCE: Final = "Source: simulated"
# loan type: label of the balances, label of the rates, first balance in trillions, its growth a quarter, how the shares
# past due and newly past due stand to what banks report late on cards
_LOANS: Final = (
    ("Mortgage", "MORTGAGE", 8.2, 0.009, 0.25, 0.3),
    ("HE Revolving", "HELOC", 0.6, -0.008, 0.2, 0.18),
    ("Auto Loan", "AUTO", 0.75, 0.015, 1.4, 0.9),
    ("Credit Card", "CC", 0.67, 0.01, 3.6, 2.2),
    ("Student Loan", "STUDENT LOAN", 0.95, 0.01, 2.6, 1.8),
    ("Other", "OTHER", 0.32, 0.01, 2.7, 1.7),
)
_ORDERS: Final = {"Page 12 Data": (0, 1, 2, 3, 4, 5), "Page 14 Data": (2, 3, 0, 1, 4, 5)}


def render(view: View, request: Request) -> Response:
    """Return the page or a workbook; for anything else the server's page of errors, which it sends with HTTP 200."""
    files = _files(view)
    name = request.path.rpartition("/")[2]
    if request.path == _PAGE_PATH:
        links = "".join(f'<p><a href="{_FOLDER}{one}">Data underlying the report</a></p>' for one in sorted(files))
        return _page(f"<h1>Data Bank</h1>{links}")
    if request.path.startswith(_FOLDER) and name in files:
        moment, body = files[name]
        stamp = format_datetime(moment.replace(tzinfo=UTC), usegmt=True)
        return Response(body, CONTENT_TYPE, headers={"Last-Modified": stamp})
    return _page("<h1>Page not found</h1>")


def _page(text: str) -> Response:
    return Response(
        f"<!DOCTYPE html>\n<html><head><title>New York Fed</title></head><body>{text}</body></html>\n".encode()
    )


def _files(view: View) -> dict[str, tuple[datetime, bytes]]:
    """Return the newest workbook that is out, with its moment: recorded, or made from what banks report late."""
    now = naive_utc(view.now)
    documents = view.market.panel.documents
    recorded = {
        name: (one.known_at, one.body)
        for name, one in documents.items()
        if _NAME.fullmatch(name) and one.known_at <= now
    }
    if recorded or not view.market.is_simulated or not view.market.has(_FOLLOWS, "fred"):
        return recorded
    rule = dataset("new_york_fed.household_debt").own_release
    late = view.market.vintages(_FOLLOWS, "fred", datetime.max.replace(tzinfo=UTC)).select("period_date", "value")
    quarters = [(day, value) for day, value in late.iter_rows() if rule.released_at_one(day) <= now]
    if not quarters:
        return {}
    newest = quarters[-1][0]
    key = ("household debt", newest, view.scale)
    body = view.market.remember(key, lambda: workbook_of(dict(_sheets(quarters, view.scale))))
    assert isinstance(body, bytes)
    return {f"HHD_C_Report_{newest.year}Q{(newest.month + 2) // 3}.xlsx": (rule.released_at_one(newest), body)}


def _sheets(quarters: list[tuple[date, float]], scale: float) -> Iterator[tuple[str, list[list[Any]]]]:
    """Yield the sheets: a chart's, which has no cells, then balances and two kinds of rates, each in its own order."""
    labels = [f"{day:%y}:Q{(day.month + 2) // 3}" for day, _ in quarters]
    late = np.array([value for _, value in quarters])
    balances = np.array([first * np.exp(growth * np.arange(len(late))) for _, _, first, growth, _, _ in _LOANS])
    balances = np.round(balances * scale, 3)
    yield "Chart3", []
    head: list[list[Any]] = [
        ["Total Debt Balance and Its Composition"],
        ["Trillions of $"],
        ["Return to Table of Contents"],
    ]
    head.append(["", *(loan[0] for loan in _LOANS), "Total"])
    yield "Page 3 Data", [*head, *_rows(labels, balances, balances.sum(axis=0).round(3))]
    for name, order in _ORDERS.items():
        is_flow = name == "Page 14 Data"
        rates = np.round(np.array([loan[5 if is_flow else 4] * late for loan in _LOANS]), 2)
        total = np.round((rates * balances).sum(axis=0) / balances.sum(axis=0), 2)
        title = (
            "New Seriously Delinquent* Balances by Loan Type"
            if is_flow
            else ("Percent of Balance 90+ Days Delinquent by Loan Type ")
        )
        head = [[title], ["Percent"], *([["*90 or more days delinquent", "", "", _SOURCE]] if is_flow else [])]
        head += [["Return to Table of Contents"], ["", *(_LOANS[at][1] for at in order), "ALL"]]
        notes = [[], ["Note: simulated, and no figure of anyone's"]]
        yield name, [*head, *_rows(labels, rates[list(order)], total), *notes]


def _rows(labels: list[str], columns: Any, total: Any) -> list[list[Any]]:
    return [[label, *columns[:, at].tolist(), float(total[at])] for at, label in enumerate(labels)]


HOSTS: Final = {"www.newyorkfed.org": render}
