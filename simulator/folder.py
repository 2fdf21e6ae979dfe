"""The market of a folder of real payloads and history (TIDEGAUGE_REAL_DATA): read at run time, nothing kept.

Every value is what some publisher printed; where two publishers keep copies of their own, both are held. What the
folder lacks is not made up: the stand-in does not serve it. Units are turned into those of the mart here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from ingest.catalog.calendars import busday_calendar
from simulator import folder_consumer, folder_positions
from simulator.folder_crypto import crypto_series, flows_file
from simulator.folder_gamma import chain_file, recorded_chain
from simulator.folder_iv import earnings_file
from simulator.folder_labor import challenger_file, labor_pack
from simulator.folder_panel import folder_panel
from simulator.folder_policy import policy_series, recorded_policy
from simulator.folder_supply import supply_parts
from simulator.folder_trend import trend_series
from simulator.market import Market, first_prints

_DTS_STARTS = date(2005, 10, 3)
_ZONE = "America/New_York"


def folder_market(folder: Path) -> Market:
    """Return the market that the files of `folder` describe; FileNotFoundError names a file that is missing."""
    panel = folder_panel(folder)
    for documents in (folder_consumer.documents(folder), folder_positions.documents(folder)):
        panel = replace(panel, documents={**panel.documents, **documents})
    rows = [*_parts(folder), *policy_series(folder), *trend_series(folder), *crypto_series(folder)]
    recorded = {**recorded_policy(folder), **recorded_chain(folder)}
    return Market(pl.concat(rows, how="vertical"), panel=panel, recorded=recorded)


def user_files(folder: Path, now: datetime) -> dict[str, str]:
    """Return user files (date,value in the unit of the mart) for what publishers do not serve, as known at `now`."""
    hy_oas = _dated(folder / "fred_reshaped/2026-03/BAMLH0A0HYM2_full_1996.csv", factor=100.0)
    ig_oas = _dated(folder / "fred_reshaped/2026-01/BAMLC0A0CM.csv", factor=100.0)
    breadth = _dated(folder / "golden/breadth_bellingxu_2008_2026.csv", "sp_breadth_200")
    counted = breadth.filter(pl.col("value") > 0)["period_date"].min()
    breadth = breadth.filter(pl.col("period_date") >= counted)  # zeros before the average has 200 days
    frames = {
        "hy_oas": hy_oas,
        "ig_oas": ig_oas,
        "sp500_above_200dma_published": breadth.with_columns(pl.col("value").round(4)),
    }
    found = {name: frame.rename({"period_date": "date"}).write_csv() for name, frame in frames.items()}
    packs = challenger_file(folder, now) | flows_file(folder, now) | chain_file(folder) | earnings_file(folder)
    return found | packs


def _parts(folder: Path) -> Iterator[pl.DataFrame]:
    for part in (
        *(_liquidity, _funding, _us_yields, _jgb, _currencies, _credit, _volatility, _index, _options, _stress),
        *(_margin, _labor, labor_pack, _consumer_prices, folder_consumer.parts, supply_parts),
    ):
        yield from part(folder)


def _dated(path: Path, column: int | str = 1, *, factor: float = 1.0, decimals: int = 6) -> pl.DataFrame:
    """Read a CSV whose first column is an ISO date; blanks and `.` are no value."""
    frame = pl.read_csv(path, infer_schema_length=0, encoding="utf8-lossy")
    chosen = frame.columns[column] if isinstance(column, int) else column
    first = frame.columns[0]
    return _clean(
        frame.select(pl.col(first).alias("period_date"), pl.col(chosen).alias("value")), "%Y-%m-%d", factor, decimals
    )


def _clean(frame: pl.DataFrame, pattern: str, factor: float, decimals: int) -> pl.DataFrame:
    """Turn two columns of text into (period_date, value), sorted, without gaps."""
    return (
        frame.select(
            pl.col("period_date").str.strip_chars().str.to_date(pattern),
            (pl.col("value").str.strip_chars().cast(pl.Float64, strict=False) * factor).round(decimals).alias("value"),
        )
        .filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
        .unique("period_date", keep="last")
        .sort("period_date")
    )


def _golden(path: Path, name: str, factor: float = 1.0) -> pl.DataFrame:
    """Read one series of a recorded snapshot of FRED."""
    rows = json.loads(path.read_text(encoding="utf-8"))["series"][name]
    frame = pl.DataFrame(rows, schema={"date": pl.String, "value": pl.Float64}, strict=False)
    return frame.select(
        pl.col("date").str.to_date().alias("period_date"), (pl.col("value") * factor).round(6)
    ).drop_nulls()


def _together(*frames: pl.DataFrame) -> pl.DataFrame:
    """Union copies of one series: where both have a day, the last wins."""
    return pl.concat(frames).unique("period_date", keep="last", maintain_order=True).sort("period_date")


def _rows(series_id: str, frame: pl.DataFrame, source: str | None = None) -> pl.DataFrame:
    return first_prints(series_id, frame["period_date"], frame["value"].to_numpy(), source)


def _liquidity(folder: Path) -> Iterator[pl.DataFrame]:
    inputs = folder / "golden/netliq_inputs_2026-07-22.json"
    yield _rows("fed_total_assets", _golden(inputs, "WALCL", 0.001))
    wednesdays = _golden(inputs, "WDTGAL", 0.001)
    yield _rows("tga_wednesday", wednesdays)
    yield _rows("tga_week_average", _golden(inputs, "WTREGEN", 0.001))
    yield _rows("on_rrp", _golden(inputs, "RRPONTSYD"))
    reserves = _golden(folder / "golden/reserve_inputs_2026-07-22.json", "WRESBAL", 0.001)
    yield _rows("reserve_balances_week_average", reserves)
    yield _rows("tga_daily", _together(_statement_days(wednesdays), _statement_week(folder)))


def _statement_days(wednesdays: pl.DataFrame) -> pl.DataFrame:
    """Return the Wednesdays with a Treasury statement: its close is the Wednesday level."""
    works = np.is_busday(wednesdays["period_date"].to_numpy(), busdaycal=busday_calendar("federal_reserve"))
    return wednesdays.filter(pl.Series(works) & (pl.col("period_date") >= _DTS_STARTS))


def _statement_week(folder: Path) -> pl.DataFrame:
    body = json.loads((folder / "treasury/dts_operating_cash_balance_2025-07-07_11.json").read_text(encoding="utf-8"))
    closing = [row for row in body["data"] if row["account_type"].endswith("(TGA) Closing Balance")]
    return pl.DataFrame(
        {
            "period_date": [date.fromisoformat(row["record_date"]) for row in closing],
            "value": [float(row["open_today_bal"]) / 1000 for row in closing],
        }
    )


def _funding(folder: Path) -> Iterator[pl.DataFrame]:
    reserve = folder / "golden/reserve_inputs_2026-07-22.json"
    recent = folder / "fred_reshaped/2026-06"
    for series_id, code in (("sofr", "SOFR"), ("effr", "EFFR"), ("iorb", "IORB")):
        yield _rows(series_id, _together(_dated(recent / f"{code}.csv"), _golden(reserve, code)))


def _us_yields(folder: Path) -> Iterator[pl.DataFrame]:
    old, new = folder / "fred_reshaped/2026-01", folder / "fred_reshaped/2026-07"
    yield _rows("us_2y_yield", _together(_dated(old / "DGS2.csv"), _dated(new / "DGS2.csv")))
    yield _rows("us_10y_yield", _dated(folder / "fredgraph_csv/DGS10.csv"))
    yield _rows("us_30y_yield", _dated(old / "DGS30.csv"))
    yield _rows("us_10y_2y_spread", _dated(folder / "fredgraph_csv/T10Y2Y.csv", factor=100.0, decimals=3))
    curve = pl.read_csv(folder / "treasury/USdataYC_1990_2023.csv", infer_schema_length=0)
    for series_id, tenor, source in (
        ("us_3m_yield", "3M", None),  # no copy of FRED's: H.15 prints the same curve
        ("us_2y_yield", "2Y", "treasury"),
        ("us_10y_yield", "10Y", "treasury"),
        ("us_30y_yield", "30Y", "treasury"),
    ):
        columns = curve.select(pl.col("Date").alias("period_date"), pl.col(tenor).alias("value"))
        yield _rows(series_id, _clean(columns, "%m/%d/%y", 1.0, 6), source)


def _jgb(folder: Path) -> Iterator[pl.DataFrame]:
    table = pl.read_csv(folder / "mof/jgbcme_all_2026-04-30.csv", skip_rows=1, infer_schema_length=0)
    for series_id, tenor in (("jgb_2y_yield", "2Y"), ("jgb_10y_yield", "10Y"), ("jgb_30y_yield", "30Y")):
        columns = table.select(pl.col("Date").alias("period_date"), pl.col(tenor).alias("value"))
        yield _rows(series_id, _clean(columns, "%Y/%-m/%-d", 1.0, 6))


def _currencies(folder: Path) -> Iterator[pl.DataFrame]:
    yield _rows("usdjpy", _dated(folder / "prices/etf/USDJPY.csv", "Close"), "yahoo")
    yield _rows("usdjpy", _dated(folder / "fredgraph_csv/DEXJPUS.csv"), "fred")
    yield _rows("broad_dollar", _dated(folder / "fredgraph_csv/DTWEXBGS.csv"))
    yield _rows("move", _dated(folder / "move/MOVE_daily_2002_2026.csv"))


def _credit(folder: Path) -> Iterator[pl.DataFrame]:
    high_yield = _together(
        _dated(folder / "fred_reshaped/2026-03/BAMLH0A0HYM2_full_1996.csv", factor=100.0),
        _dated(folder / "fred_reshaped/2026-06/BAMLH0A0HYM2.csv", factor=100.0),
    )
    yield _rows("hy_oas", high_yield)
    yield _rows("ig_oas", _dated(folder / "fred_reshaped/2026-01/BAMLC0A0CM.csv", factor=100.0))
    yield _rows("baa_10y_spread", _dated(folder / "fredgraph_csv/BAA10Y.csv", factor=100.0))


def _american(path: Path, column: str, decimals: int = 2) -> pl.DataFrame:
    """Read one column of a Cboe file, dates MM/DD/YYYY."""
    frame = pl.read_csv(path, infer_schema_length=0)
    columns = frame.select(pl.col(frame.columns[0]).alias("period_date"), pl.col(column).alias("value"))
    return _clean(columns, "%m/%d/%Y", 1.0, decimals)


def _volatility(folder: Path) -> Iterator[pl.DataFrame]:
    native = folder / "cboe/VIX_History_2025-05-21.csv"
    for field in ("Open", "High", "Low", "Close"):
        own = _american(native, field.upper())
        later = _dated(folder / "prices/etf/VIX.csv", field, decimals=2)
        later = later.filter(pl.col("period_date") > own["period_date"].max())
        source = "cboe" if field == "Close" else None
        yield _rows(f"vix_{field.lower()}", _together(own, later), source)
    fred = _together(
        _dated(folder / "fredgraph_csv/VIXCLS_2026-04.csv"), _dated(folder / "fred_reshaped/2026-06/VIXCLS.csv")
    )
    yield _rows("vix_close", fred, "fred")
    yield _rows("vix3m_close", _american(folder / "cboe/VIX3M_History_2026-07-22.csv", "CLOSE"))
    yield _rows("vix6m_close", _american(folder / "cboe/VIX6M_History_2026-04-24.csv", "CLOSE"))
    yield _rows("vvix_close", _american(folder / "cboe/VVIX_History_2026-04-24.csv", "VVIX"))
    yield _rows("skew_close", _american(folder / "cboe/SKEW_History_2026-07-22.csv", "SKEW"))


def _index(folder: Path) -> Iterator[pl.DataFrame]:
    yield _rows("sp500_close", _dated(folder / "prices/SPX.csv", "Close"), "yahoo")
    yield _rows("sp500_close", _golden(folder / "golden/netliq_inputs_2026-07-22.json", "SP500"), "fred")


def _options(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield the frozen archives, then the daily ratios as they were scraped: with their corrupt cells."""
    daily = folder / "putcall/cboe_daily_ratios_2019-10-07_2026-07-22.csv"
    archives = {
        "total": _archive(folder / "putcall/totalpc_to_2019-10-04.csv", 0),
        "index": _archive(folder / "putcall/indexpc.csv", 2),
    }
    names = {"total": "TOTAL", "equity": "EQUITY", "index": "INDEX", "etp": "ETP", "spx": "SPX_SPXW", "vix": "VIX"}
    for group, column in names.items():
        ratio = _dated(daily, f"{column}_PUT_CALL_RATIO")
        if group in archives:
            ratio = _together(archives[group]("ratio"), ratio)
            yield _rows(f"put_volume_{group}", archives[group]("puts"))
            yield _rows(f"call_volume_{group}", archives[group]("calls"))
        yield _rows(f"put_call_{group}_ratio", ratio)


def _archive(path: Path, skip_rows: int) -> Callable[[str], pl.DataFrame]:
    """Return a reader of one column of a frozen archive: date, calls, puts, total, ratio by position."""
    frame = pl.read_csv(path, skip_rows=skip_rows, infer_schema_length=0, truncate_ragged_lines=True)
    at = {"calls": 1, "puts": 2, "ratio": 4}

    def column(name: str) -> pl.DataFrame:
        columns = frame.select(
            pl.col(frame.columns[0]).alias("period_date"), pl.col(frame.columns[at[name]]).alias("value")
        )
        return _clean(columns, "%m/%d/%Y", 1.0, 6)

    return column


def _stress(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield NFCI with its log of changes as revisions, and STLFSI as one copy has it."""
    yield from _copies("nfci", [_changes(folder, "NFCI")])
    yield _rows("stlfsi", _dated(folder / "fred_reshaped/2026-01/STLFSI4.csv"))


def _margin(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield the recorded workbook of FINRA, in billions."""
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_path(folder / "finra/margin-statistics_2026-05.xlsx")
    _, *months = book.get_sheet_by_index(0).to_python()
    for at, series_id in enumerate(("margin_debt", "free_credit_cash", "free_credit_margin"), start=1):
        printed = [(f"{month[0]}-01", str(month[at])) for month in months]
        frame = pl.DataFrame(printed, schema=["period_date", "value"], orient="row")
        yield _rows(series_id, _clean(frame, "%Y-%m-%d", 0.001, 6))


def _labor(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield unemployment and claims with what later copies changed as revisions, and the Sahm indicator as it stood."""
    logs = [_changes(folder, name) for name in ("hoin_UNRATE", "UNRATE")]
    yield from _copies("unrate", [_seen(folder / "fred_reshaped/2026-01/UNRATE.csv", date(2026, 1, 2)), *logs])
    pulled = {"2026-01": date(2026, 1, 2), "2026-06": date(2026, 6, 4), "2026-07": date(2026, 7, 30)}
    claims = [_seen(folder / f"fred_reshaped/{name}/ICSA.csv", seen) for name, seen in pulled.items()]
    yield from _copies("initial_claims", claims)
    yield _rows("sahm_realtime", _dated(folder / "fredgraph_csv/SAHMREALTIME.csv"))


def _consumer_prices(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield the consumer price index, with what later copies changed as revisions."""
    yield from _copies("consumer_prices", [_changes(folder, name) for name in ("hoin_CPIAUCSL", "CPIAUCSL")])


def _changes(folder: Path, name: str) -> pl.DataFrame:
    """Read a log of changes: period_date, value, and the day the change was seen."""
    log = pl.read_csv(folder / f"vintages_git/{name}_changes.csv", try_parse_dates=True)
    return log.select(pl.col("date").alias("period_date"), "value", pl.col("first_seen_snapshot").alias("seen"))


def _seen(path: Path, seen: date) -> pl.DataFrame:
    return _dated(path).with_columns(pl.lit(seen).alias("seen"))


def _copies(series_id: str, copies: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the first value that any copy has of each period, then what later ones changed, from when they saw it."""
    log = pl.concat([copy.select("period_date", "value", "seen") for copy in copies]).drop_nulls("value")
    log = log.sort("period_date", "seen", maintain_order=True)
    log = log.filter(pl.col("value").ne_missing(pl.col("value").shift(1).over("period_date")))
    is_first = log["period_date"].is_first_distinct()
    yield _rows(series_id, log.filter(is_first))
    later = log.filter(~is_first)
    seen = later["seen"].cast(pl.Datetime("us")).dt.offset_by("8h30m")
    seen = seen.dt.replace_time_zone(_ZONE).dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    yield _rows(series_id, later).with_columns(seen.alias("revised_at"))
