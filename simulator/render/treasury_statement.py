"""api.fiscaldata.treasury.gov: the tables of the Daily Treasury Statement."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import polars as pl

from simulator.render.treasury_flows import flows
from simulator.render.treasury_lines import MILLIONS, TABLES, TEXT, Labels, Row, StatementTable
from simulator.render.view import Request, Response, Span, View, not_found, within

_FOLDER: Final = "/services/api/fiscal_service/v1/accounting/dts/"
_BALANCE: Final = "operating_cash_balance"
_TGA_ERA = date(2021, 10, 1)
_FOUR_ROW_ERA = date(2022, 4, 18)
_LARGEST_PAGE = 10_000

_ALWAYS: Span = ("", "~")

_DATED = {
    "table_nbr": ("Table Number", *TEXT),
    "table_nm": ("Table Name", *TEXT),
    "sub_table_name": ("Sub Table Name", *TEXT),
    "src_line_nbr": ("Source Line Number", "INTEGER", "10"),
    "record_fiscal_year": ("Fiscal Year", "YEAR", "YYYY"),
    "record_fiscal_quarter": ("Fiscal Quarter Number", "QUARTER", "Q"),
    "record_calendar_year": ("Calendar Year", "YEAR", "YYYY"),
    "record_calendar_quarter": ("Calendar Quarter Number", "QUARTER", "Q"),
    "record_calendar_month": ("Calendar Month Number", "MONTH", "MM"),
    "record_calendar_day": ("Calendar Day Number", "DAY", "DD"),
}
_LABELS = {
    "record_date": ("Record Date", "DATE", "YYYY-MM-DD"),
    "account_type": ("Type of Account", *TEXT),
    **{
        f"{name}_bal": (f"{title} Balance {span}", *MILLIONS)
        for name, title, span in (
            ("close_today", "Closing", "Today"),
            ("open_today", "Opening", "Today"),
            ("open_month", "Opening", "This Month"),
            ("open_fiscal_year", "Opening", "This Fiscal Year"),
        )
    },
    **_DATED,
}
_COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def render(view: View, request: Request) -> Response:
    """Return one page. Values are strings, the missing one is "null"."""
    name = request.path.removeprefix(_FOLDER)
    if name != _BALANCE and (name not in TABLES or not view.market.is_simulated):
        return not_found()  # what a folder of real payloads does not have is not made up
    params = request.params
    try:
        span = _span(params.get("filter", ""))
        if name == _BALANCE:
            labels, made = _LABELS, partial(_rows, view, span)
        else:
            labels = {"record_date": _LABELS["record_date"], **TABLES[name].labels, **_DATED}
            made = partial(_lines, view, TABLES[name], span)
        table = view.remember(name, ["tga_daily"], "treasury", made, extra=span)
        rows = _sorted(_filtered(table, params.get("filter", ""), labels), params.get("sort", "record_date"))
        fields = params["fields"].split(",") if "fields" in params else list(labels)
        number, size = int(params.get("page[number]", "1")), int(params.get("page[size]", "100"))
        page = [{name: row[name] for name in fields} for row in rows[(number - 1) * size : number * size]]
    except (KeyError, ValueError) as problem:
        return _refused(str(problem))
    if size > _LARGEST_PAGE or number < 1:
        return _refused(f"page[size] {size} is above {_LARGEST_PAGE}")
    document = {
        "data": page,
        "meta": _meta(view, {name: labels[name] for name in fields}, len(page), len(rows), size),
        "links": _links(number, size, -(-len(rows) // size)),
    }
    return Response(json.dumps(document, separators=(",", ":")).encode(), "application/json")


def _refused(message: str) -> Response:
    body = json.dumps({"error": "Invalid Query Param", "message": f"Invalid query parameter: {message}"})
    return Response(body.encode(), "application/json", status=400)


def _meta(view: View, labels: Labels, count: int, total: int, size: int) -> dict[str, Any]:
    formats = {name: label[2] for name, label in labels.items()}
    if view.is_rescaled:
        formats = {name: "$1,000" if text == "$1,000,000" else text for name, text in formats.items()}
    return {
        "count": count,
        "labels": {name: label[0] for name, label in labels.items()},
        "dataTypes": {name: label[1] for name, label in labels.items()},
        "dataFormats": formats,
        "total-count": total,
        "total-pages": -(-total // size),
    }


def _links(number: int, size: int, pages: int) -> dict[str, str | None]:
    def link(page: int) -> str:
        return "&" + urlencode({"page[number]": page, "page[size]": size})

    return {
        "self": link(number),
        "first": link(1),
        "prev": link(number - 1) if number > 1 else None,
        "next": link(number + 1) if number < pages else None,
        "last": link(max(pages, 1)),
    }


def _span(text: str) -> Span:
    """Return the first and the last day that a filter may let pass: rows of others need not be made."""
    first, last = _ALWAYS
    for field, name, value in (clause.split(":", 2) for clause in _clauses(text)):
        if field == "record_date" and name == "gte":
            first = max(first, value)
        elif field == "record_date" and name == "lte":
            last = min(last, value)
    return first, last


def _filtered(rows: list[Row], text: str, labels: Labels) -> list[Row]:
    """Keep rows that meet every `field:op:value`; `in` takes a list in brackets."""
    for clause in _clauses(text):
        field, name, value = clause.split(":", 2)
        if field not in labels:
            raise ValueError(f"unknown field {field}")
        if name == "in":
            wanted = set(value.removeprefix("(").removesuffix(")").split(","))
            rows = [row for row in rows if row[field] in wanted]
        else:
            compare = _COMPARE[name]
            rows = [row for row in rows if compare(row[field], value)]
    return rows


def _clauses(text: str) -> list[str]:
    """Split at commas outside of brackets: account types have brackets of their own, values of `in` have commas."""
    clauses: list[str] = []
    for part in text.split(","):
        is_new = part.count(":") >= 2
        if is_new or not clauses:
            clauses.append(part)
        else:
            clauses[-1] += "," + part
    return [clause for clause in clauses if clause]


def _sorted(rows: list[Row], text: str) -> list[Row]:
    for name in reversed(text.split(",")):
        rows = sorted(rows, key=partial(_cell, name.lstrip("-")), reverse=name.startswith("-"))
    return rows


def _cell(name: str, row: Row) -> tuple[int, str]:
    """Return what a row is sorted by: line numbers as numbers."""
    return (int(row[name]), "") if name == "src_line_nbr" else (0, row[name])


def _lines(view: View, table: StatementTable, span: Span) -> list[Row]:
    return [
        {**row, "src_line_nbr": str(line), **_parts(on)}
        for on, rows in table.rows(within(flows(view), span))
        for line, row in enumerate(rows, start=1)
    ]


def _rows(view: View, span: Span) -> list[Row]:
    """Return the table: one row a day to April 2022, then opening, deposits, withdrawals and closing."""
    days = within(_balances(view), span)
    rows: list[Row] = []
    for day in days.iter_rows(named=True):
        record: date = day["period_date"]
        if record >= _FOUR_ROW_ERA:
            rows += _four_rows(record, day)
        else:
            account = "Treasury General Account (TGA)" if record >= _TGA_ERA else "Federal Reserve Account"
            rows.append(_one_row(record, account, day))
    return rows


def _balances(view: View) -> pl.DataFrame:
    """Return per day close, open and flows, and the month's and the fiscal year's opening and sums to date."""
    known = view.values("tga_daily", "treasury").with_columns(pl.col("value").round(0).cast(pl.Int64).alias("close"))
    opened = pl.col("close").shift(1).fill_null(pl.col("close"))
    base = 18_000 + (pl.col("period_date").dt.ordinal_day().cast(pl.Int64) * 7919) % 16_000
    net = pl.col("close") - pl.col("open")
    month = pl.col("period_date").dt.truncate("1mo")
    year = pl.col("period_date").dt.offset_by("3mo").dt.year()
    deposits = base + pl.max_horizontal(net, pl.lit(0))
    lines = flows(view)
    if not lines.is_empty() and view.market.is_simulated:  # the lines of table II add up to it
        known = known.join(lines.select("period_date", pl.col("deposits").alias("added")), on="period_date", how="left")
        deposits = pl.coalesce("added", deposits)
    return (
        known.with_columns(open=opened)
        .with_columns(deposits=deposits)
        .with_columns(withdrawals=pl.col("deposits") - net, month=month, fiscal_year=year)
        .with_columns(
            pl.col("open").first().over("month").alias("month_open"),
            pl.col("open").first().over("fiscal_year").alias("year_open"),
            pl.col("deposits").cum_sum().over("month").alias("month_deposits"),
            pl.col("deposits").cum_sum().over("fiscal_year").alias("year_deposits"),
            pl.col("withdrawals").cum_sum().over("month").alias("month_withdrawals"),
            pl.col("withdrawals").cum_sum().over("fiscal_year").alias("year_withdrawals"),
        )
    )


def _four_rows(record: date, day: Mapping[str, int]) -> list[Row]:
    close = day["close"]
    lines = (
        ("Treasury General Account (TGA) Opening Balance", day["open"], day["month_open"], day["year_open"]),
        ("Total TGA Deposits (Table II)", day["deposits"], day["month_deposits"], day["year_deposits"]),
        (
            "Total TGA Withdrawals (Table II) (-)",
            day["withdrawals"],
            day["month_withdrawals"],
            day["year_withdrawals"],
        ),
        ("Treasury General Account (TGA) Closing Balance", close, close, close),
    )
    return [
        _row(record, line, account, "null", (str(today), str(month), str(year)))
        for line, (account, today, month, year) in enumerate(lines, start=1)
    ]


def _one_row(record: date, account: str, day: Mapping[str, int]) -> Row:
    opens = (str(day["open"]), str(day["month_open"]), str(day["year_open"]))
    return _row(record, 1, account, str(day["close"]), opens)


def _row(record: date, line: int, account: str, close: str, opens: tuple[str, str, str]) -> Row:
    return {
        "record_date": record.isoformat(),
        "account_type": account,
        "close_today_bal": close,
        "open_today_bal": opens[0],
        "open_month_bal": opens[1],
        "open_fiscal_year_bal": opens[2],
        "table_nbr": "I",
        "table_nm": "Operating Cash Balance",
        "sub_table_name": "Cash Balance Details" if record >= _FOUR_ROW_ERA else "null",
        "src_line_nbr": str(line),
        **_parts(record),
    }


def _parts(record: date) -> Row:
    fiscal_month = (record.month + 2) % 12
    return {
        "record_fiscal_year": str(record.year + (record.month >= 10)),
        "record_fiscal_quarter": str(fiscal_month // 3 + 1),
        "record_calendar_year": str(record.year),
        "record_calendar_quarter": str((record.month - 1) // 3 + 1),
        "record_calendar_month": f"{record.month:02d}",
        "record_calendar_day": f"{record.day:02d}",
    }


HOSTS: Final = {"api.fiscaldata.treasury.gov": render}
