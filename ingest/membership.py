"""Index membership as intervals of stocks, not of tickers: the table of ticker, start and end dates, with a permid.

Where: github.com/fja05680/sp500, sp500_ticker_start_end.csv. Grain: one row per stay of a ticker in the index.
Units: dates; a stay begins at the open of start_date and is over at the open of end_date.
Breaks: fewer than 500 names before 2001; share classes with a dot (BRK.B), where Yahoo has a hyphen.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ingest.catalog.renames import Rename
from ingest.dataset import serving
from ingest.errors import SourceChanged

CONTINUED = frozenset(
    {
        ("AMD", date(2017, 3, 20)),
        ("EQT", date(2022, 10, 3)),
        ("FMC", date(2009, 8, 19)),
        ("FSLR", date(2022, 12, 19)),
        ("JBL", date(2023, 10, 18)),
        ("MXIM", date(2018, 12, 3)),
        ("OKE", date(2010, 3, 15)),
        ("PCG", date(2022, 10, 3)),
        ("TEL", date(2011, 10, 17)),
        ("TER", date(2020, 9, 21)),
    }
)
"""Stays (ticker, start_date) by which a company came back: the same stock as in the stay before.

A day names the later stay of its ticker that begins nearest to it, within a year: upstream corrects dates, and JBL came
back once whether on 2023-10-18 or 2023-12-18. Any other second stay of a ticker is taken for another company (AAL in
1996 and in 2015), unless a second source has one name for both. Wrong the one way costs a returning company the history
before its absence; wrong the other way mixes the prices of two companies.
"""

REUSED: Mapping[str, tuple[int, ...]] = {
    "AAL": (2015,),
    "AMP": (2005,),
    "AN": (2003,),
    "BR": (2018,),
    "CBE": (2011,),
    "CCI": (2012,),
    "CE": (2018,),
    "CEG": (2022,),
    "CF": (2008,),
    "CNC": (2016,),
    "COV": (2007, 2011),
    "DELL": (2024,),
    "DG": (2012,),
    "DOW": (2019,),
    "DXC": (2017,),
    "ESV": (2012,),
    "FL": (2016,),
    "GAS": (2011,),
    "GGP": (2013,),
    "H": (2006,),
    "HCA": (2015,),
    "HLT": (2017,),
    "HP": (2010,),
    "HRS": (2008,),
    "IR": (2010,),
    "KDP": (2022,),
    "KMI": (2012,),
    "KSU": (2013,),
    "LDOS": (2019,),
    "MEE": (2008,),
    "MIR": (2001,),
    "NE": (2011,),
    "OI": (2009,),
    "PTC": (2021,),
    "RIG": (2013,),
    "TMUS": (2019,),
    "TT": (2020,),
}
"""Years in which a ticker came to another stock: part of that stock's permid ("AAL-2015"), for good.

A date that upstream corrects into the year before or after leaves the permid as it is, and so does a second source that
is away or has one name for both: names are asked only of stays that neither list knows.
"""

_HEADER = ["ticker", "start_date", "end_date"]
RENAME_TOLERANCE = timedelta(days=10)
_SAME_RETURN = timedelta(days=366)
_FIRST_YEAR = 1000  # polars reads 24-03-18 as a day of the year 24


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay of a ticker (Yahoo's spelling) in the index: from the open of `start` to before the open of `end`."""

    ticker: str
    start: date
    end: date | None  # None: still a member


def read_membership(body: bytes, *, continued: Set[tuple[str, date]] = CONTINUED) -> pl.DataFrame:
    """Return permid, ticker, start_date, end_date_exclusive (NULL: still a member), by ticker and start_date.

    permid is the same in every version of the file: 63 bits of a hash of the permid that `name_stocks` gives the stay.
    Tickers are as Yahoo writes them. Raises SourceChanged on another header, a line without ticker or
    start, a stay that ends before it starts or two stays of one ticker that overlap.
    """
    table = pl.read_csv(io.BytesIO(body), infer_schema=False)
    if table.columns != _HEADER:
        raise _changed(f"the header {_HEADER}", table.columns)
    stays = table.select(
        pl.col("ticker").str.replace(".", "-", literal=True),
        pl.col("start_date").str.to_date("%Y-%m-%d"),
        pl.col("end_date").str.to_date("%Y-%m-%d").alias("end_date_exclusive"),
    ).sort("ticker", "start_date")
    blank = stays.filter(pl.col("ticker").is_null() | pl.col("start_date").is_null())
    early = stays.filter(pl.min_horizontal("start_date", "end_date_exclusive").dt.year() < _FIRST_YEAR)
    if blank.height or early.height:
        seen = pl.concat([blank, early]).row(0)
        raise _changed("a ticker and dates with years of four digits in each line", seen)
    before = pl.col("end_date_exclusive").shift(1).over("ticker")
    second = pl.int_range(pl.len()).over("ticker") > 0
    bad = stays.filter(
        (pl.col("end_date_exclusive") <= pl.col("start_date"))
        | (second & (before.is_null() | (before > pl.col("start_date"))))
    )
    if bad.height:
        raise _changed("stays that end after they start and before the next one", bad.row(0))
    names = name_stocks([Stay(*row) for row in stays.rows()], (), continued=continued)
    numbers = [_number(names[Stay(*row)]) for row in stays.rows()]
    return stays.select(pl.Series("permid", numbers, dtype=pl.Int64), pl.all())


def name_stocks(
    stays: Sequence[Stay],
    renames: Sequence[Rename],
    *,
    continued: Set[tuple[str, date]] = CONTINUED,
    names: Mapping[Stay, Set[str]] | None = None,
) -> dict[Stay, str]:
    """Return the permid of each stay as text: one per stock through renames and returns.

    It is the stock's first ticker ("FB", also for the stay as META), which no later rename can change, with the year of
    its first stay when another stock had it before ("AAL-2015"). A rename joins the stay of the old ticker that ends,
    and that of the new one that starts, within ten days of it. A stay goes on with an earlier one of its ticker when it
    is among `continued`, or when both bear one of the same `names` (folded, as a second source has them).
    """
    in_order = sorted(stays, key=lambda stay: (stay.start, stay.ticker))
    before = dict(_returns(in_order, continued, names or {}))
    for rename in renames:
        old = [stay for stay in in_order if stay.ticker == rename.old and _is_near(stay.end, rename.day)]
        new = [stay for stay in in_order if stay.ticker == rename.new and _is_near(stay.start, rename.day)]
        if old and new:
            before[new[0]] = old[0]
    stocks: dict[Stay, list[Stay]] = {}
    for stay in in_order:
        first = stay
        while first in before:
            first = before[first]
        stocks.setdefault(first, []).append(stay)
    found: dict[Stay, str] = {}
    taken: set[str] = set()
    for stock in stocks.values():
        name = next(name for name in _permids(stock[0]) if name not in taken)
        taken.add(name)
        found |= dict.fromkeys(stock, name)
    return found


def _returns(
    in_order: Sequence[Stay], continued: Set[tuple[str, date]], names: Mapping[Stay, Set[str]]
) -> Iterator[tuple[Stay, Stay]]:
    """Yield the stays by which a company came back, each with the stay that it goes on with."""
    of_ticker: dict[str, list[Stay]] = {}
    for stay in in_order:
        of_ticker.setdefault(stay.ticker, []).append(stay)
    for ticker, of_one in of_ticker.items():
        declared = {_nearest(of_one[1:], day) for other, day in continued if other == ticker}
        for place, stay in enumerate(of_one[1:], start=1):
            if stay in declared:
                yield stay, of_one[place - 1]
                continue
            if _declared_year(stay) is not None:
                continue
            for earlier in reversed(of_one[:place]):
                if names.get(stay, frozenset()) & names.get(earlier, frozenset()):
                    yield stay, earlier
                    break


def _nearest(stays: Iterable[Stay], day: date) -> Stay | None:
    near = [stay for stay in stays if abs(stay.start - day) <= _SAME_RETURN]
    return min(near, key=lambda stay: abs(stay.start - day), default=None)


def _permids(first: Stay) -> Iterator[str]:
    """Yield what a stock may be called by its first stay, from the shortest."""
    yield first.ticker
    yield f"{first.ticker}-{_declared_year(first) or first.start.year}"
    yield f"{first.ticker}-{first.start}"


def _is_near(day: date | None, other: date) -> bool:
    return day is not None and abs(day - other) <= RENAME_TOLERANCE


def with_permid(prices: pl.DataFrame, membership: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `prices` (ticker, session_date, ...) whose ticker was ever a member, with its permid.

    A ticker belongs to a stock from the end of its former bearer's stay, so that a new member brings the prices from
    before it joined; the first bearer has everything before.
    """
    former_end = pl.col("end_date_exclusive").shift(1).over("ticker")
    is_first = pl.int_range(pl.len()).over("ticker") == 0
    owners = (
        membership.sort("ticker", "start_date", "permid")
        # of a stay that follows one without an end (the stock is in two universes) nothing is said here
        .with_columns(owned_from=pl.when(is_first).then(pl.lit(date.min)).otherwise(former_end))
        .group_by("ticker", "permid")
        .agg(pl.coalesce(pl.col("owned_from").min(), pl.col("start_date").min()))
        .sort("ticker", "owned_from", "permid")
    )
    return (
        prices.sort("ticker", "session_date")
        .join_asof(
            owners,
            left_on="session_date",
            right_on="owned_from",
            by="ticker",
            check_sortedness=False,
        )
        .filter(pl.col("permid").is_not_null())
        .drop("owned_from")
    )


def _declared_year(stay: Stay) -> int | None:
    return next((year for year in REUSED.get(stay.ticker, ()) if abs(year - stay.start.year) <= 1), None)


def _number(permid: str) -> int:
    return int.from_bytes(hashlib.sha256(permid.encode()).digest()[:8]) >> 1


def _changed(expected: str, seen: object) -> SourceChanged:
    return SourceChanged(
        serving("index_members")[0].source, "sp500_ticker_start_end.csv", expected=expected, seen=str(seen)
    )
