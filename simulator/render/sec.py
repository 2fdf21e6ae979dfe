"""efts.sec.gov: full-text search for the 8-K documents of a day, 100 a page. Exits and bankruptcies follow claims,
earnings the calendar of each name with an option chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final
from zlib import crc32

import numpy as np
import polars as pl

from ingest.catalog.calendars import is_working_day
from ingest.catalog.underlyings import load_underlyings
from simulator.economy.earnings import Release, releases
from simulator.render.view import Request, Response, View, not_found

_PAGE: Final = 100
_FILINGS_A_DAY: Final = 30
_CALM_CLAIMS: Final = 210_000
_SICS: Final = ("3571", "6022", "2834", "7372", "1311", "5812", "4911", "8742", "5045", "")
_RARE: Final = {"1.03": 0.012, "2.04": 0.02, "2.05": 0.03, "2.06": 0.015, "3.01": 0.04}
"""Chance of an item in calm times, some ten times what it is: a stand-in's day has few filings."""

_AMENDED: Final = 0.05


def render(view: View, request: Request) -> Response:
    """Return the page of documents of the day asked for; a recorded market has no filings."""
    asked = request.params
    if request.path != "/LATEST/search-index" or not view.market.is_simulated:
        return not_found()
    if "@" not in request.headers.get("user-agent", ""):
        title = "SEC.gov | Your Request Originates from an Undeclared Automated Tool"
        return Response(f"<html><title>{title}</title></html>".encode(), status=403)
    day, first = date.fromisoformat(asked["startdt"]), int(asked.get("from", "0"))
    hits = _hits(day, _pressure(view, day)) if _is_filed(view, day) else []
    page = {"total": {"value": len(hits), "relation": "eq"}, "max_score": None, "hits": hits[first : first + _PAGE]}
    return Response(json.dumps({"took": 3, "timed_out": False, "hits": page}).encode(), "application/json")


def _is_filed(view: View, day: date) -> bool:
    return is_working_day("federal_government", day) and day <= view.now.date()


def _pressure(view: View, day: date) -> float:
    """Return the claims of the last week over those of calm times."""
    weeks = view.market.known("initial_claims", "fred", view.now)
    last = weeks.filter(pl.col("period_date") <= day - timedelta(days=12))["value"]  # printed before that day
    return float(last[-1]) / _CALM_CLAIMS if len(last) else 1.0


def _hits(day: date, pressure: float) -> list[dict[str, Any]]:
    chance = np.random.default_rng(crc32(f"8-K {day}".encode()))
    found = []
    for number in range(_FILINGS_A_DAY):
        draws = chance.random(len(_RARE))
        rare = [item for (item, odds), drawn in zip(_RARE.items(), draws, strict=True) if drawn < odds * pressure]
        cik = f"{int(chance.integers(1_000, 9_000)):010}"
        adsh = f"{cik}-{day:%y}-{day:%j}{number:03}"
        form = "8-K/A" if chance.random() < _AMENDED else "8-K"
        sic = str(chance.choice(_SICS))
        source = {
            "ciks": [cik],
            "display_names": [f"Company {int(cik)} (CIK {cik})"],
            "form": form,
            "root_forms": ["8-K"],
            "file_date": day.isoformat(),
            "period_ending": day.isoformat(),
            "adsh": adsh,
            "items": sorted([*rare, "9.01"]),
            "sics": [sic] if sic else [],
        }
        for place, kind in enumerate((form, "EX-99.1"), start=1):
            found.append({"_id": f"{adsh}:doc{place}.htm", "_source": {**source, "file_type": kind}})
    return found + [_earnings(one) for one in _reporting(day)]


def _reporting(day: date) -> Iterator[Release]:
    for of in load_underlyings():
        if of.kind == "stock":
            yield from releases(of.underlying, day, day)


def _earnings(release: Release) -> dict[str, Any]:
    """Return the report of a name's results, without a time of day, as the search shows it."""
    cik = f"{crc32(release.symbol.encode()) % 10**7:010}"
    adsh = f"{cik}-{release.release_date:%y}-{release.release_date:%j}999"
    source = {
        "ciks": [cik],
        "display_names": [f"{release.symbol} COMPANY  ({release.symbol})  (CIK {cik})"],
        "form": "8-K",
        "root_forms": ["8-K"],
        "file_date": release.release_date.isoformat(),
        "period_ending": release.release_date.isoformat(),
        "adsh": adsh,
        "items": ["2.02", "9.01"],
        "sics": [],
        "file_type": "8-K",
    }
    return {"_id": f"{adsh}:doc1.htm", "_source": source}


HOSTS: Final = {"efts.sec.gov": render}
