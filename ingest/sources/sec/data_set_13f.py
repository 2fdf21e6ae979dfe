"""What is read out of one quarterly zip of Form 13F: the filings of the managers that are kept, and their positions.

Of every other filing only the price that its rows imply is looked at: what most filers imply for a security on a day is
what tells a value in thousands, or one that is wrong, from a right one. Addresses, telephone numbers and signatures are
not read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from datetime import date
from typing import Final

import polars as pl

from ingest.payload import Payload
from ingest.readers.parsing import changed, dates_of, numbers_of, quoted
from ingest.readers.tsv_members import tsv_blocks

IN_DOLLARS_SINCE: Final = date(2023, 1, 3)
"""Reports filed before have values in thousands of dollars."""

LEAST_ROWS: Final = 3
"""So many rows must imply a price before others are held against it."""

AMENDMENTS: Final = {"RESTATEMENT": "restatement", "NEW HOLDINGS": "new_holdings", "": None}
KINDS: Final = {"": "none", "PUT": "put", "CALL": "call"}
UNITS: Final = {"SH": "shares", "PRN": "principal"}

_DAY: Final = "%d-%b-%Y"
_MOST_LISTED: Final = 128 * 1024**2
_MOST_POSITIONS: Final = 2048 * 1024**2
_BINS: Final = 50.0  # to a factor of e: prices in one are within 2 % of each other

_SUBMISSION: Final = ("ACCESSION_NUMBER", "FILING_DATE", "SUBMISSIONTYPE", "CIK", "PERIODOFREPORT")
_COVER: Final = ("ACCESSION_NUMBER", "ISAMENDMENT", "AMENDMENTTYPE", "FILINGMANAGER_NAME", "REPORTTYPE")
_SUMMARY: Final = ("ACCESSION_NUMBER", "TABLEENTRYTOTAL", "TABLEVALUETOTAL", "ISCONFIDENTIALOMITTED")
_POSITIONS: Final = (
    *("ACCESSION_NUMBER", "NAMEOFISSUER", "TITLEOFCLASS", "CUSIP", "VALUE", "SSHPRNAMT", "SSHPRNAMTTYPE", "PUTCALL"),
    "VOTING_AUTH_NONE",  # the last cell of a line: empty where the line was cut
)
_ACCESSION: Final = "accession_number"


def filings_of(
    payload: Payload, packed: zipfile.ZipFile, managers: Collection[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return every filing (accession_number, file_date, report_date), and those of `managers` with their covers."""
    listed = _table(payload, packed, "SUBMISSION.tsv", _SUBMISSION)
    if listed.is_empty():
        raise changed(payload, "at least one filing in SUBMISSION.tsv", "a header alone")
    listed = listed.select(
        pl.col("ACCESSION_NUMBER").alias(_ACCESSION),
        pl.col("CIK").str.zfill(10).alias("cik"),
        pl.col("SUBMISSIONTYPE").alias("form"),
        dates_of(payload, listed, "FILING_DATE", _DAY).alias("file_date"),
        dates_of(payload, listed, "PERIODOFREPORT", _DAY).alias("report_date"),
    )
    kept = listed.filter(pl.col("cik").is_in(list(managers)))
    _refuse(
        payload,
        kept,
        pl.col("file_date") < pl.col("report_date"),
        "a FILING_DATE after its PERIODOFREPORT",
        "file_date",
    )
    _refuse(payload, kept, ~pl.col("form").str.starts_with("13F-"), "a form 13F as SUBMISSIONTYPE", "form")
    cover = _kept(payload, packed, "COVERPAGE.tsv", _COVER, kept)
    missing = kept.join(cover, on=_ACCESSION, how="anti")[_ACCESSION]
    if len(missing):
        raise changed(payload, f"a line of COVERPAGE.tsv for {missing[0]}", "none")
    kind = pl.col("AMENDMENTTYPE").str.to_uppercase()
    _refuse(
        payload, cover, ~kind.is_in(list(AMENDMENTS)), "RESTATEMENT or NEW HOLDINGS as AMENDMENTTYPE", "AMENDMENTTYPE"
    )
    _refuse(
        payload, cover, ~pl.col("ISAMENDMENT").is_in(["Y", "N", ""]), "Y, N or nothing as ISAMENDMENT", "ISAMENDMENT"
    )
    summary = _kept(payload, packed, "SUMMARYPAGE.tsv", _SUMMARY, kept)
    summary = summary.select(
        _ACCESSION,
        numbers_of(payload, summary, "TABLEENTRYTOTAL").cast(pl.Int64).alias("entries_stated_count"),
        numbers_of(payload, summary, "TABLEVALUETOTAL").alias("value_stated"),
        (pl.col("ISCONFIDENTIALOMITTED").str.to_uppercase() == "Y").alias("is_confidential_omitted"),
    )
    cover = cover.select(
        _ACCESSION,
        ((pl.col("ISAMENDMENT") == "Y") | (kind != "")).alias("is_marked"),
        kind.replace_strict(AMENDMENTS, return_dtype=pl.String).alias("amendment_type"),
        pl.col("FILINGMANAGER_NAME").alias("manager_name"),
        pl.col("REPORTTYPE").alias("report_type"),
    )
    kept = kept.join(cover, on=_ACCESSION).join(summary, on=_ACCESSION, how="left")
    is_amendment = pl.col("form").str.ends_with("/A") | pl.col("is_marked")
    return listed.drop("cik", "form"), kept.with_columns(is_amendment.alias("is_amendment")).drop("is_marked")


def positions_of(payload: Payload, packed: zipfile.ZipFile, listed: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Return the positions of the filings in `kept`, lots of one security summed, beside the price usual in the set."""
    marked = listed.with_columns(pl.col(_ACCESSION).is_in(kept[_ACCESSION].to_list()).alias("is_kept"))
    lots: list[pl.DataFrame] = []
    implied: pl.DataFrame | None = None
    for block in tsv_blocks(payload, packed, "INFOTABLE.tsv", _POSITIONS, _MOST_POSITIONS):
        block = block.rename({"ACCESSION_NUMBER": _ACCESSION}).with_columns(pl.col("CUSIP").str.to_uppercase())
        block = block.join(marked, on=_ACCESSION)
        lots.append(block.filter("is_kept"))
        found = _implied(block)
        implied = found if implied is None else _summed(pl.concat([implied, found]))
    rows = _lots(payload, pl.concat(lots)) if lots else None
    if rows is None or implied is None:
        raise changed(payload, "at least one position in INFOTABLE.tsv", "a header alone")
    summed = rows.group_by(_ACCESSION, "cusip", "put_call", "share_type", maintain_order=True).agg(
        pl.col("issuer_name", "title_of_class", "report_date").first(),
        pl.col("value", "amount").sum(),
        pl.len().alias("lots_count"),
    )
    return summed.join(_usual(implied, summed), on=["cusip", "report_date"], how="left", maintain_order="left")


def _table(payload: Payload, packed: zipfile.ZipFile, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    blocks = list(tsv_blocks(payload, packed, name, columns, _MOST_LISTED))
    frame = pl.concat(blocks) if blocks else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return _once(payload, frame, name)


def _kept(
    payload: Payload, packed: zipfile.ZipFile, name: str, columns: tuple[str, ...], kept: pl.DataFrame
) -> pl.DataFrame:
    """Return the lines of the filings in `kept`; what others write into their notes is not looked at."""
    wanted = pl.col("ACCESSION_NUMBER").is_in(kept[_ACCESSION].to_list())
    blocks = [block.filter(wanted) for block in tsv_blocks(payload, packed, name, columns, _MOST_LISTED)]
    frame = pl.concat(blocks) if blocks else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return _once(payload, frame, name).rename({"ACCESSION_NUMBER": _ACCESSION})


def _once(payload: Payload, frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the lines without repeats; SourceChanged where one filing has two that differ."""
    frame = frame.unique(maintain_order=True)
    doubled = frame.filter(pl.col("ACCESSION_NUMBER").is_duplicated())
    if doubled.height:
        raise changed(payload, f"one line of {name} for {doubled['ACCESSION_NUMBER'][0]}", "two that differ")
    return frame


def _lots(payload: Payload, lots: pl.DataFrame) -> pl.DataFrame:
    """Return the positions line by line, every cell held to what it can be."""
    kind, unit = pl.col("PUTCALL").str.to_uppercase(), pl.col("SSHPRNAMTTYPE").str.to_uppercase()
    _refuse(payload, lots, pl.col("VOTING_AUTH_NONE") == "", "a line of INFOTABLE.tsv with all its cells", _ACCESSION)
    _refuse(payload, lots, pl.col("CUSIP") == "", "a CUSIP in each position", _ACCESSION)
    _refuse(payload, lots, ~kind.is_in(list(KINDS)), "Put, Call or nothing as PUTCALL", "PUTCALL")
    _refuse(payload, lots, ~unit.is_in(list(UNITS)), "SH or PRN as SSHPRNAMTTYPE", "SSHPRNAMTTYPE")
    numbers = {name: numbers_of(payload, lots, name, ()) for name in ("VALUE", "SSHPRNAMT")}
    for name, cells in numbers.items():
        if len(cells) and float(cells.min() or 0) < 0:  # type: ignore[arg-type]  # a number
            raise changed(payload, f"a {name} of zero or more", quoted(cells.min()))
    return lots.select(
        _ACCESSION,
        "report_date",
        pl.col("CUSIP").alias("cusip"),
        pl.col("NAMEOFISSUER").alias("issuer_name"),
        pl.col("TITLEOFCLASS").alias("title_of_class"),
        kind.replace_strict(KINDS, return_dtype=pl.String).alias("put_call"),
        unit.replace_strict(UNITS, return_dtype=pl.String).alias("share_type"),
        numbers["VALUE"].alias("value"),
        numbers["SSHPRNAMT"].alias("amount"),
    )


def _implied(block: pl.DataFrame) -> pl.DataFrame:
    """Return how many rows imply which price of a share, in bins."""
    value, amount = (pl.col(name).cast(pl.Float64, strict=False) for name in ("VALUE", "SSHPRNAMT"))
    factor = pl.when(pl.col("file_date") < IN_DOLLARS_SINCE).then(1000.0).otherwise(1.0)
    prices = block.filter((pl.col("PUTCALL") == "") & (pl.col("SSHPRNAMTTYPE") == "SH")).select(
        pl.col("CUSIP").alias("cusip"), "report_date", (value * factor / amount).log().alias("log_price")
    )
    prices = prices.filter(pl.col("log_price").is_finite())
    return _summed(
        prices.select(
            "cusip",
            "report_date",
            (pl.col("log_price") * _BINS).floor().cast(pl.Int32).alias("bin"),
            "log_price",
            pl.lit(1, dtype=pl.UInt32).alias("rows_count"),
        )
    )


def _summed(prices: pl.DataFrame) -> pl.DataFrame:
    return prices.group_by("cusip", "report_date", "bin").agg(pl.col("log_price", "rows_count").sum())


def _usual(implied: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return the price that most rows imply for each security and day in `wanted`, where enough of them do."""
    keys = ["cusip", "report_date"]
    bins = implied.join(wanted.select(keys).unique(), on=keys, how="semi")
    best = bins.sort("rows_count", "bin", descending=[True, False]).unique(keys, keep="first", maintain_order=True)
    near = bins.join(best.select(*keys, pl.col("bin").alias("best")), on=keys)
    near = near.filter((pl.col("bin") - pl.col("best")).abs() <= 1).group_by(keys).agg(pl.col("rows_count").sum())
    found = best.select(*keys, (pl.col("log_price") / pl.col("rows_count")).exp().alias("usual_price")).join(
        near, on=keys
    )
    enough = found.filter(pl.col("rows_count") >= LEAST_ROWS)
    return enough.select(*keys, "usual_price", pl.col("rows_count").cast(pl.Int64).alias("usual_price_rows_count"))


def _refuse(payload: Payload, rows: pl.DataFrame, is_bad: pl.Expr, expected: str, column: str) -> None:
    """Raise SourceChanged for the first row that is bad, with its filing and its cell of `column`."""
    bad = rows.filter(is_bad)
    if bad.height:
        first = bad.row(0, named=True)
        raise changed(payload, f"{expected} in {first[_ACCESSION]}", quoted(first[column]))
