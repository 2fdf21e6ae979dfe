"""shillerdata.com and the file it links to: a legacy Excel workbook of months, with footnotes below the last row."""

from __future__ import annotations

import io
from datetime import date
from typing import Any, Final

import polars as pl

from ingest.clock import naive_utc
from simulator.render.view import Request, Response, View, not_found

FILE: Final = "ie_data.xls"

_PATH: Final = f"/blobby/go/0a1b2c3d-simulated/downloads/{FILE}"
_OLDER_PATH: Final = f"/~shiller/data/{FILE}"
_HEADER: Final = ("Date", "P", "D", "E", "CPI", "Fraction", "Rate GS10", "Price", "Dividend", "Price", "Earnings")
_TITLE_ROWS: Final = 7
_LATE_MONTHS: Final = 3  # earnings and dividends of the last months are not known yet
_TEN_YEARS: Final = 120
_ENOUGH: Final = 12


def render(view: View, request: Request) -> Response:
    """Return the page with the link, or the workbook; what a folder of real payloads does not have is not served."""
    recorded = view.market.panel.documents.get(FILE)
    if recorded is None and not view.market.is_simulated:
        return not_found()
    if request.host == "shillerdata.com":
        link = f'<html><body><a href="//img1.wsimg.com{_PATH}?ver=1">U.S. Stock Markets 1871-Present</a></body></html>'
        return Response(link.encode())
    if request.path not in (_PATH, _OLDER_PATH) or (recorded and recorded.known_at > naive_utc(view.now)):
        return not_found()
    if recorded is not None:
        return Response(recorded.body, "application/vnd.ms-excel")
    body = view.remember("shiller", ["sp500_close", "us_10y_yield"], "fred", lambda: _workbook(_months(view)))
    return Response(body, "application/vnd.ms-excel")


def _months(view: View) -> pl.DataFrame:
    """Return the months: mean prices, earnings and dividends that follow them slowly, CAPE once there is a year."""
    month = pl.col("period_date").dt.truncate("1mo")
    prices = (
        view.values("sp500_close", "yahoo")
        .group_by(month.alias("month"))
        .agg(pl.col("value").mean().alias("mean"), pl.col("value").sort_by("period_date").last().alias("last"))
    )
    yields = (
        view.values("us_10y_yield", "fred").group_by(month.alias("month")).agg(pl.col("value").mean().alias("gs10"))
    )
    months = prices.join(yields, on="month", how="left").sort("month").with_row_index("n")
    is_late = pl.col("n") > pl.len() - 1 - _LATE_MONTHS
    months = months.with_columns(
        pl.when(pl.col("n") == pl.len() - 1).then("last").otherwise("mean").alias("p"),
        (230.0 * 1.0021 ** pl.col("n")).round(3).alias("cpi"),
        (pl.col("mean").rolling_mean(36, min_samples=1) / 19).alias("earned"),
    )
    real = pl.col("earned") / pl.col("cpi")
    cape = pl.col("p") / pl.col("cpi") / real.rolling_mean(_TEN_YEARS, min_samples=_ENOUGH)
    return months.with_columns(
        cape.alias("cape"),
        pl.when(is_late).then(None).otherwise(pl.col("earned")).alias("e"),
        pl.when(is_late).then(None).otherwise(pl.col("earned") * 0.36).alias("d"),
    )


def _workbook(months: pl.DataFrame) -> bytes:
    import xlwt

    book = xlwt.Workbook()
    book.add_sheet("Disclaimer").write(0, 0, "Simulated")
    page = book.add_sheet("Data")
    page.write(0, 0, "Stock Market Data, simulated")
    for column, name in enumerate((*_HEADER, "Earnings", "CAPE")):
        page.write(_TITLE_ROWS, column, name)
    newest: date = months["month"][-1]
    for at, row in enumerate(months.iter_rows(named=True), start=_TITLE_ROWS + 1):
        month: date = row["month"]
        cells: list[Any] = [month.year + month.month / 100, row["p"], row["d"], row["e"], row["cpi"]]
        cells += [month.year + (month.month - 0.5) / 12, row["gs10"], row["p"], row["d"], row["p"], row["e"], row["e"]]
        for column, cell in enumerate([*cells, "NA" if row["cape"] is None else row["cape"]]):
            if cell is not None:
                page.write(at, column, cell)
    page.write(_TITLE_ROWS + 1 + months.height, 1, f"{newest:%B} price is the last close")
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


HOSTS: Final = {"shillerdata.com": render, "img1.wsimg.com": render, "www.econ.yale.edu": render}
