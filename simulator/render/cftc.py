"""www.cftc.gov and publicreporting.cftc.gov: traders in financial futures, by year, of the newest week, and as JSON.

Funds sell, managers cut and the yen's sellers cover when the latent regimes turn. A recorded market has its own file.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import date, timedelta
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog.calendars import is_working_day
from ingest.catalog.reported_contracts import Contract, contracts
from ingest.clock import naive_utc
from ingest.dataset import dataset
from simulator.market import Market
from simulator.render.view import Request, Response, View, not_found

RECORDED: Final = "FinFutYY.txt"
"""The name by which a recorded market keeps a file of the CFTC."""

_FIRST_REPORT: Final = date(2010, 7, 20)
_YEAR: Final = re.compile(r"/files/dea/history/fut_fin_txt_(\d{4})\.zip")
_WEEK: Final = "/dea/newcot/FinFutWk.txt"
_JSON: Final = "/resource/gpe5-46if.json"
_BETWEEN: Final = re.compile(r"between '(\d{4}-\d\d-\d\d)T00:00:00' and '(\d{4}-\d\d-\d\d)T00:00:00'")
_STRESS: Final = {"calm": 0.0, "late_cycle": 0.25, "stress": 1.0, "crisis": 2.0, "recovery": 0.6}
# by class of asset: open interest, net of asset managers and of leveraged funds in calm times as shares of it, and what
# a unit of stress adds to either
_SHAPES: Final = {
    "equity_index": (600_000, 0.38, -0.10, -0.07, -0.05),
    "volatility": (380_000, -0.07, -0.12, 0.02, 0.06),
    "short_rate": (4_000_000, 0.06, -0.05, 0.02, 0.04),
    "government_bond": (3_500_000, 0.42, -0.34, 0.03, 0.04),
    "currency": (260_000, -0.10, -0.16, 0.05, 0.09),
    "crypto": (22_000, 0.15, -0.32, -0.04, 0.06),
}
_CLASSES: Final = ("Dealer", "Asset_Mgr", "Lev_Money", "Other_Rept")
_POSITIONS: Final = [f"{name}_Positions_{side}" for name in _CLASSES for side in ("Long", "Short", "Spread")]
_TOTALS: Final = [f"{name}_Positions_{side}" for name in ("Tot_Rept", "NonRept") for side in ("Long", "Short")]
_COUNTED: Final = ["Open_Interest", *_POSITIONS, *_TOTALS]
_UNREAD: Final = 81 - 8 - len(_POSITIONS) - len(_TOTALS)
"""Changes, percentages, traders and concentration, which nobody here reads."""


def files(view: View, request: Request) -> Response:
    """Return the zip of a year, with a header, or the newest week without one."""
    year = _YEAR.fullmatch(request.path)
    if not (year or request.path == _WEEK):
        return not_found()
    wanted = pl.col("day").dt.year() == int(year[1]) if year else pl.col("day") == pl.col("day").max()
    header, lines = _lines(view, wanted)
    if lines.is_empty():
        return not_found()
    if year is None:
        return Response(_text(lines), "text/plain")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(RECORDED), f"{header}\r\n".encode() + _text(lines), zipfile.ZIP_DEFLATED)
    return Response(packed.getvalue(), "application/x-zip-compressed")


def rows(view: View, request: Request) -> Response:
    """Return the reports of the span asked for as JSON; what has no value has no key."""
    span = _BETWEEN.search(request.params.get("$where", ""))
    if request.path != _JSON or span is None or not view.market.is_simulated:
        return not_found()
    first, last = (date.fromisoformat(day) for day in span.groups())
    shown = _shown(view).filter(pl.col("day").is_between(first, last)).sort("day", "code")
    found = [
        {
            "report_date_as_yyyy_mm_dd": f"{row['day']}T00:00:00.000",
            "cftc_contract_market_code": row["code"],
            "cftc_market_code": "CME ",
            **{_key(name): str(row[name]) for name in _COUNTED},
            "futonly_or_combined": "FutOnly",
        }
        for row in shown.iter_rows(named=True)
    ]
    return Response(json.dumps(found).encode(), "application/json")


def _key(name: str) -> str:
    """Return the key of a column: those of dealers and small traders end in _all, those of the others do not."""
    return name.lower() + ("_all" if name.startswith(("Open", "Dealer", "NonRept")) else "")


def _lines(view: View, wanted: pl.Expr) -> tuple[str, pl.Series]:
    """Return the header and the lines of the reports that are out, as far as they are wanted."""
    if not view.market.is_simulated:
        document = view.market.panel.documents.get(RECORDED)
        header, *body = document.body.decode().splitlines() if document else [""]
        lines = pl.DataFrame({"line": body}, schema={"line": pl.String})
        lines = lines.with_columns(pl.col("line").str.extract(r",(\d{4}-\d\d-\d\d),").str.to_date().alias("day"))
        return header, _out(lines, view).filter(wanted)["line"]
    shown = _shown(view).filter(wanted)
    blanks = pl.lit(",     0" * _UNREAD)
    line = pl.format(
        '"{} - EXCHANGE",{},{},{},CME ,00,138 ,{}{},"(CONTRACTS)","{}","CME ","138 ","F20","FutOnly"',
        pl.col("title").str.to_uppercase(),
        pl.col("day").dt.strftime("%y%m%d"),
        pl.col("day"),
        "code",
        pl.concat_str([pl.col(name).cast(pl.String).str.pad_start(8) for name in _COUNTED], separator=","),
        blanks,
        "code",
    )
    names = [
        "Market_and_Exchange_Names,As_of_Date_In_Form_YYMMDD,Report_Date_as_YYYY-MM-DD,CFTC_Contract_Market_Code",
        "CFTC_Market_Code,CFTC_Region_Code,CFTC_Commodity_Code",
        *(f"{name}_All" for name in _COUNTED),
        *(f"Unread_{number}" for number in range(_UNREAD)),
        "Contract_Units,CFTC_Contract_Market_Code_Quotes,CFTC_Market_Code_Quotes,CFTC_Commodity_Code_Quotes",
        "CFTC_SubGroup_Code,FutOnly_or_Combined",
    ]
    header = ",".join(f'"{name}"' for name in ",".join(names).split(","))
    return header, shown.select(line.alias("line"))["line"]


def _shown(view: View) -> pl.DataFrame:
    """Return the reports that are out, by contract and newest first, as the CFTC sorts them."""
    key = ("cftc", view.now.date())
    made = view.market.remember(key, lambda: _reports(view.market, view.now.date()))
    assert isinstance(made, pl.DataFrame)
    return _out(made, view)


def _out(frame: pl.DataFrame, view: View) -> pl.DataFrame:
    days = frame.select("day").unique()
    released = dataset("cftc.positions").own_release.released_at(days["day"])
    return frame.join(days.filter(released <= naive_utc(view.now)), on="day", maintain_order="left")


def _text(lines: pl.Series) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


def _reports(market: Market, today: date) -> pl.DataFrame:
    """Return what every report until `today` says; each depends on the days before it alone."""
    tuesdays = [_FIRST_REPORT + timedelta(days=7 * week) for week in range((today - _FIRST_REPORT).days // 7 + 1)]
    days = pl.Series(
        "day", [day if is_working_day("federal_government", day) else day - timedelta(days=1) for day in tuesdays]
    )
    regimes = market.latent.sort("session_date").rename({"session_date": "day"})
    level = (
        pl.DataFrame(days)
        .join_asof(regimes, on="day")["regime"]
        .replace_strict(_STRESS, default=0.0)
        .ewm_mean(alpha=0.3, adjust=False)
        .to_numpy()
    )
    found = [_of_contract(days, level, one) for one in sorted(contracts().values(), key=lambda one: one.title)]
    return pl.concat(found).sort("title", "day", descending=[False, True])


def _of_contract(days: pl.Series, stress: npt.NDArray[np.float64], one: Contract) -> pl.DataFrame:
    chance = np.random.default_rng(crc32(f"cftc {one.code}".encode()))
    size, manager, fund, manager_moves, fund_moves = _SHAPES[one.asset_class]
    scale = 1 + 2 * chance.random()  # drawn before the weeks, so that a week more changes none of the others
    draws = chance.standard_normal((len(days), 6))
    wander = np.zeros((len(days), 3))
    for week in range(1, len(days)):
        wander[week] = 0.93 * wander[week - 1] + draws[week, :3] * (0.012, 0.015, 0.03)
    interest = np.round(size * scale * np.exp(wander[:, 2] + 0.05 * stress)).astype(int)
    spreads = np.round(interest[:, None] * (0.04, 0.03, 0.05, 0.002) * np.exp(0.1 * draws[:, 2:6])).astype(int)
    free = interest - spreads.sum(axis=1)
    nets = [manager + manager_moves * stress + wander[:, 0], fund + fund_moves * stress + wander[:, 1]]
    least = (0.02, 0.035)
    long, short = (
        [np.clip(0.12 + sign * net / 2, low, 0.45) for net, low in zip(nets, least, strict=True)]
        for sign in (1.0, -1.0)
    )
    cells: dict[str, npt.NDArray[np.int64]] = {"Open_Interest": interest}
    for side, shares in (("Long", long), ("Short", short)):
        managers, funds = (np.round(free * share).astype(int) for share in shares)
        left = free - managers - funds
        dealers, others = np.round(left * 0.7).astype(int), np.round(left * 0.12).astype(int)
        for name, figures in zip(_CLASSES, (dealers, managers, funds, others), strict=True):
            cells[f"{name}_Positions_{side}"] = figures
        cells[f"NonRept_Positions_{side}"] = left - dealers - others
        cells[f"Tot_Rept_Positions_{side}"] = interest - cells[f"NonRept_Positions_{side}"]
    for name, figures in zip(_CLASSES, spreads.T, strict=True):
        cells[f"{name}_Positions_Spread"] = figures
    frame = pl.DataFrame({"day": days, **{name: cells[name] for name in _COUNTED}})
    return frame.with_columns(pl.lit(one.code).alias("code"), pl.lit(one.title).alias("title"))


HOSTS: Final = {"www.cftc.gov": files, "publicreporting.cftc.gov": rows}
