"""cdn.finra.org: short volume of a session and short interest of a settlement date; api.finra.org: weekly volumes.

What is sold short follows the volume of the simulated panel: more of it, and for more days, when the regimes turn.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog.settlements import settlement_dates
from ingest.clock import NEW_YORK, naive_utc
from ingest.dataset import dataset
from simulator.render.view import Request, Response, View, not_found

_VOLUME: Final = re.compile(r"/equity/regsho/daily/CNMSshvol(\d{8})\.txt")
_INTEREST: Final = re.compile(r"/equity/otcmarket/biweekly/shrt(\d{8})\.csv")
_WEEKLY: Final = "/data/group/otcMarket/name/weeklySummary"
_STRESS: Final = {"calm": 0.0, "late_cycle": 0.2, "stress": 1.0, "crisis": 2.0, "recovery": 0.5}
_OFF_EXCHANGE: Final = 0.42
_ATS_SHARE: Final = 0.3  # of what trades off the exchanges
_WINDOW: Final = 20
_SPAN: Final = 32  # days that hold so many sessions
_COLUMNS: Final = (
    "accountingYearMonthNumber|symbolCode|issueName|issuerServicesGroupExchangeCode|marketClassCode"
    "|currentShortPositionQuantity|previousShortPositionQuantity|stockSplitFlag|averageDailyVolumeQuantity"
    "|daysToCoverQuantity|revisionFlag|changePercent|changePreviousNumber|settlementDate"
)


def files(view: View, request: Request) -> Response:
    """Return the file of a day once it is out; what is not there is refused, as the host does."""
    for pattern, table_id, made in ((_VOLUME, "short_volume", _volume), (_INTEREST, "short_interest", _interest)):
        found = pattern.fullmatch(request.path)
        if found is None or not view.market.is_simulated:
            continue
        day = datetime.strptime(found[1], "%Y%m%d").date()  # noqa: DTZ007  a date has no zone
        if dataset(f"finra.{table_id}").own_release.released_at_one(day) <= naive_utc(view.now):
            body = made(view, day)
            if body is not None:
                return Response(body.encode(), "application/octet-stream")
    return Response(b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "application/xml", status=403)


def weekly(view: View, request: Request) -> Response:
    """Return the volumes of a week in one kind of venue and one tier, as the posted question wants them."""
    if request.path != _WEEKLY or not view.market.is_simulated:
        return not_found()
    question = json.loads(request.body or b"{}")
    wanted = {one["fieldName"]: one["fieldValue"] for one in question.get("compareFilters", [])}
    week, kind, tier = (wanted.get(name, "") for name in ("weekStartDate", "summaryTypeCode", "tierIdentifier"))
    rows = _weekly(view, date.fromisoformat(week), kind) if tier == "T1" else []  # all members and funds are of tier 1
    first = int(question.get("offset", 0))
    return Response(json.dumps(rows[first : first + int(question.get("limit", 1000))]).encode(), "application/json")


def _volume(view: View, day: date) -> str | None:
    traded = _traded(view, day, day)
    if traded.is_empty():
        return None
    chance = np.random.default_rng(crc32(f"short volume {day}".encode()))
    total = traded["volume"].to_numpy() * _OFF_EXCHANGE * np.exp(0.1 * chance.standard_normal(traded.height))
    level = 0.46 + 0.03 * _stress(view, day) + 0.04 * chance.standard_normal(traded.height)
    short = total * np.clip(level, 0.2, 0.8)
    lines = ["Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"]
    for ticker, sold, of in zip(traded["ticker"], short, total, strict=True):
        lines.append(f"{day:%Y%m%d}|{ticker.replace('-', '/')}|{sold:.6f}|{sold // 400:.0f}|{of:.6f}|B,Q,N")
    return "\n".join([*lines, str(len(lines) - 1)]) + "\n"


def _interest(view: View, day: date) -> str | None:
    before = settlement_dates(day - timedelta(days=25), day)
    if day not in before:
        return None
    rows = _positions(view, day)
    previous = dict(_positions(view, before[-2]).select("ticker", "short").iter_rows())
    lines = [_COLUMNS]
    for ticker, volume, short in rows.iter_rows():
        old = previous.get(ticker, 0)
        days = f"{min(max(short / volume, 1.0), 999.99):.2f}" if volume else "999.99"
        moved = f"{100 * (short / old - 1):.2f}" if old else "100.00"
        symbol = ticker.replace("-", "")
        lines.append(
            f"{day:%Y%m%d}|{symbol}|{symbol} Common Stock|R|NNM|{short}|{old}||{volume}|{days}||{moved}|{short - old}"
            f"|{day}"
        )
    return "\n".join(lines) + "\n"


def _positions(view: View, day: date) -> pl.DataFrame:
    """Return ticker, volume (mean of 20 sessions) and short at the end of a day."""
    traded = _traded(view, day - timedelta(days=_SPAN), day)
    last = traded["session_date"].unique().sort().tail(_WINDOW)
    mean = (
        traded.filter(pl.col("session_date").is_in(last.implode()))
        .group_by("ticker")
        .agg(pl.col("volume").mean().round().cast(pl.Int64))
        .sort("ticker")
    )
    own = np.array([np.random.default_rng(crc32(f"short {one}".encode())).gamma(2.5, 1.0) for one in mean["ticker"]])
    drift = np.array([np.sin(day.toordinal() / 90 + crc32(one.encode()) % 7) for one in mean["ticker"]])
    days = (0.6 + own) * np.exp(0.15 * drift) * (1 + 0.25 * _stress(view, day))
    short = pl.Series("short", np.round(mean["volume"].to_numpy() * days), dtype=pl.Int64)
    return mean.with_columns(short)


def _weekly(view: View, week: date, kind: str) -> list[dict[str, Any]]:
    published = week + timedelta(days=21)
    if datetime.combine(published, time(9), NEW_YORK) > view.now:
        return []
    sums = _traded(view, week, week + timedelta(days=4)).group_by("ticker").agg(pl.sum("volume")).sort("ticker")
    chance = np.random.default_rng(crc32(f"ats {week}".encode()))
    share = np.clip(_ATS_SHARE - 0.03 * _stress(view, week) + 0.05 * chance.standard_normal(sums.height), 0.05, 0.8)
    shares: npt.NDArray[np.float64] = share if kind == "ATS_W_SMBL" else 1 - share
    counts = np.round(sums["volume"].to_numpy() * _OFF_EXCHANGE * shares).astype(int)
    return [
        {
            "weekStartDate": week.isoformat(),
            "issueSymbolIdentifier": ticker.replace("-", "."),
            "issueName": f"{ticker} Common Stock",
            "tierIdentifier": "T1",
            "tierDescription": "NMS Tier 1",
            "summaryTypeCode": kind,
            "totalWeeklyShareQuantity": int(count),
            "totalWeeklyTradeCount": int(count // 150),
            "initialPublishedDate": published.isoformat(),
            "lastUpdateDate": published.isoformat(),
        }
        for ticker, count in zip(sums["ticker"], counts, strict=True)
    ]


def _traded(view: View, first: date, last: date) -> pl.DataFrame:
    """Return session_date, ticker, volume of the sessions from `first` to `last`, each under its ticker of the day."""
    panel = view.market.panel
    prices = panel.prices_between(first, last).filter(
        pl.col("known_at") <= naive_utc(view.now),
        pl.col("volume_shares") > 0,
    )
    stays = panel.tickers.with_columns(pl.col("end_date").fill_null(date.max))
    is_then = pl.col("session_date").is_between("start_date", "end_date", closed="left")
    return (
        prices.unique(["permid", "session_date"], keep="last")
        .join(stays, on="permid")
        .filter(is_then)
        .select("session_date", "ticker", pl.col("volume_shares").alias("volume"))
        .sort("session_date", "ticker")
    )


def _stress(view: View, day: date) -> float:
    regimes = view.market.latent.filter(pl.col("session_date") <= day)
    return _STRESS[regimes["regime"][-1]] if regimes.height else 0.0


HOSTS: Final = {"cdn.finra.org": files, "api.finra.org": weekly}
