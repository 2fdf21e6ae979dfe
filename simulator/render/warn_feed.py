"""github.com/APVentureEngine/warn-act-notices: the file of the newest release, behind GitHub's redirect."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from typing import Final
from zlib import crc32

import numpy as np
import polars as pl

from simulator.render.view import Request, Response, View, not_found

_RELEASE: Final = "/APVentureEngine/warn-act-notices/releases/latest/download/warn_notices.csv"
_ASSET: Final = "/warn-act-notices/warn_notices.csv"
_HEADER: Final = "id,state,company,company_canonical,location,employees_affected,notice_date,effective_date,notice_type"
_STATES: Final = re.findall("..", "CAOHWANJILMDORNEIAUTGAINSCWITNKYAZNYMIRIKSOKCOFLNCTXALPACTVTMT")
_STATES_AT_FIRST: Final = 16
_FIRST_YEAR: Final = 2012
_PLACES: Final = ("Harbour", "Summit", "Prairie", "Cedar", "Union")
_TRADES: Final = ("Mills", "Foods")
_CLAIMS_A_NOTICE: Final = 9_000  # a month's mean of weekly claims brings so many notices
_BLANK: Final = 0.06  # share of headcounts and of notice dates that states leave out


def redirect(view: View, request: Request) -> Response:
    """Return GitHub's way to the file; a recorded market has no notices."""
    if request.path != _RELEASE or not view.market.is_simulated:
        return not_found()
    return Response(b"", status=302, headers={"Location": f"https://release-assets.githubusercontent.com{_ASSET}"})


def asset(view: View, request: Request) -> Response:
    """Return all notices up to now."""
    if request.path != _ASSET or not view.market.is_simulated:
        return not_found()
    body = view.remember("warn", ["initial_claims"], "fred", lambda: _notices(view), extra=view.now.date())
    return Response(body, "application/octet-stream")


def _notices(view: View) -> bytes:
    today = view.now.date()
    claims = (
        view.values("initial_claims", "fred").group_by(pl.col("period_date").dt.month_start()).agg(pl.mean("value"))
    )
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(_HEADER.split(","))
    for month, mean in claims.sort("period_date").iter_rows():
        for at, (day, cells) in enumerate(_of_month(month, round(mean / view.scale / _CLAIMS_A_NOTICE))):
            if day <= today:
                lines.writerow([f"{month:%Y%m}-{at:03}", *cells])
    return text.getvalue().encode()


@cache
def _of_month(month: date, count: int) -> list[tuple[date, list[str | int]]]:
    """Return the notices of a month, the day of each first; more states report as the years go by."""
    chance = np.random.default_rng(crc32(f"warn {month}".encode()))
    states = _STATES[: min(_STATES_AT_FIRST + (month.year - _FIRST_YEAR), len(_STATES))]
    found: list[tuple[date, list[str | int]]] = []
    for _ in range(count):
        name = f"{_one_of(_PLACES, chance)} {_one_of(_TRADES, chance)}"
        day = month + timedelta(days=int(chance.integers(0, 28)))
        workers = "" if chance.random() < _BLANK else int(np.exp(chance.normal(4.3, 0.8)))
        noticed = "" if chance.random() < _BLANK else str(day)
        state = _one_of(states, chance)
        effective = str(day + timedelta(days=60))
        found.append((day, [state, f"{name}, Inc.", name, "", workers, noticed, effective, "layoff"]))
    return found


def _one_of(names: Sequence[str], chance: np.random.Generator) -> str:
    """Return one of some names: what choice() draws, which would first make an array of them."""
    return names[int(chance.integers(len(names)))]


HOSTS: Final = {"github.com": redirect, "release-assets.githubusercontent.com": asset}
