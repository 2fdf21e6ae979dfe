"""What the layouts of an option chain have in common: symbols to contracts, moments to sessions, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

import polars as pl

from ingest.catalog.calendars import nyse_sessions
from ingest.catalog.underlyings import Underlying
from ingest.clock import naive_utc
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, quoted

QUOTES_ARE_LATE_BY: Final = timedelta(minutes=15)
"""So late Cboe's free quotes are: at 09:45 it shows those of 09:30."""

_SYMBOL: Final = r"^(?<root>[A-Z]{1,5}\d?)(?<expiry>\d{6})(?<option_type>[CP])(?<strike>\d{8})$"
_LEAST_IV, _MOST_IV = 0.02, 5.0
_NO_IV: Final = 1e-4  # 0 and 0.00001 are marks: nothing could be worked out
_STRIKES_REACH: Final = 20.0
_AT_THE_MONEY: Final = 0.399
_GAMMA_OFF: Final = 5.0
_FEWEST_EXPIRIES: Final = 4  # fewer do not say how the others of a chain are
_USUAL_SHARE: Final = 0.75
_FIRST_SESSION: Final = date(2004, 1, 2)


def session_of(snapshot_at: datetime) -> date:
    """Return the NYSE session whose quotes a snapshot shows: the newest that had begun 15 minutes before (aware)."""
    frame = _sessions()
    begun = frame.filter(pl.col("open_at") <= naive_utc(snapshot_at) - QUOTES_ARE_LATE_BY)
    found: date = begun["session_date"][-1]
    return found


@cache
def _sessions() -> pl.DataFrame:
    return nyse_sessions(_FIRST_SESSION, date.max).select("session_date", "open_at")


def contracts_of(payload: Payload, symbols: pl.Series, of: Underlying) -> pl.DataFrame:
    """Return root, expiry_date, option_type and strike_usd of each option symbol; SourceChanged names a strange one."""
    parts = symbols.str.extract_groups(_SYMBOL).struct.unnest()
    expected = f"option symbols of {of.underlying} like {_root(of)}261218C04000000"
    frame = parts.select(
        "root",
        pl.col("expiry").str.to_date("%y%m%d", strict=False).alias("expiry_date"),
        "option_type",
        (pl.col("strike").cast(pl.Float64) / 1000).alias("strike_usd"),
    )
    strange = frame["expiry_date"].is_null() | ~frame["root"].is_in([r for r in frame["root"].unique() if _is(of, r)])
    strange = strange.fill_null(value=True)
    if strange.any():
        raise changed(payload, expected, quoted(symbols.filter(strange)[0]))
    return frame


def _is(of: Underlying, root: str | None) -> bool:
    return root is not None and of.has_root(root)


def _root(of: Underlying) -> str:
    return next(iter(of.roots), of.underlying)


def quote_rows(
    payload: Payload,
    table_id: str,
    of: Underlying,
    snapshot_at: datetime,
    spot: float,
    columns: Mapping[str, pl.Series],
    *,
    stated_at: datetime | None = None,
) -> pl.DataFrame:
    """Return the rows of one chain. `columns` are those of the table that the layout has, with option_symbol.

    SourceChanged where it has no contract, names one twice with other figures, or is in other units than agreed.
    """
    symbols = columns["option_symbol"]
    if symbols.is_empty():
        raise changed(payload, f"contracts of {of.underlying}", "a chain without any")
    contracts = contracts_of(payload, symbols, of)
    _require_units(payload, of, spot, contracts["strike_usd"], columns["iv_ratio"])
    _require_gammas(payload, spot, contracts, columns, session_of(snapshot_at))
    _require_end(payload, spot, contracts)
    rows = panel_rows(
        payload,
        table_id,
        {
            **_nothing(table_id),
            "session_date": session_of(snapshot_at),
            "underlying": of.underlying,
            "snapshot_at": naive_utc(snapshot_at),
            **{name: contracts[name] for name in contracts.columns},
            "spot_usd": spot,
            **columns,
            "stated_at": None if stated_at is None else naive_utc(stated_at),
        },
    ).unique(maintain_order=True)
    doubled = rows["option_symbol"].is_duplicated()
    if doubled.any():
        name = rows["option_symbol"].filter(doubled)[0]
        raise changed(payload, f"{name} once", "it twice, with other figures")
    return rows


def _nothing(table_id: str) -> dict[str, None]:
    from ingest.dataset import dataset

    return dict.fromkeys(dataset(table_id).value_names)


def _require_units(payload: Payload, of: Underlying, spot: float, strikes: pl.Series, iv: pl.Series) -> None:
    """Raise SourceChanged where the median says that volatilities are percent, or strikes of another scale."""
    if not spot > 0:
        raise changed(payload, f"a price of {of.underlying} above zero", quoted(spot))
    usual = iv.filter(iv > _NO_IV).median()
    if isinstance(usual, float) and not _LEAST_IV < usual < _MOST_IV:
        expected = f"volatilities as ratios, their median between {_LEAST_IV:g} and {_MOST_IV:g}"
        raise changed(payload, expected, f"{usual:.4g}")
    middle = strikes.median()
    if isinstance(middle, float) and not spot / _STRIKES_REACH < middle < spot * _STRIKES_REACH:
        seen = f"a median strike of {middle:,.2f} with {of.underlying} at {spot:,.2f}"
        raise changed(payload, "strikes in thousandths, around the price of the underlying", seen)


def _require_gammas(
    payload: Payload, spot: float, contracts: pl.DataFrame, columns: Mapping[str, pl.Series], session: date
) -> None:
    """Raise SourceChanged where gamma is of another size than its volatility says: then its unit has changed.

    At the money gamma x price x volatility x the root of the time is 0.399; interest and rounding move it a little.
    """
    days = (contracts["expiry_date"] - session).dt.total_days()
    iv, gamma, strike = columns["iv_ratio"], columns["gamma_ratio"], contracts["strike_usd"]
    spread = iv * (days / 365) ** 0.5
    is_near = (iv > 0) & (gamma > 0) & (days >= 7) & ((strike / spot - 1).abs() < spread / 2)
    found = (gamma * spot * spread).filter(is_near.fill_null(value=False)).median()
    if isinstance(found, float) and not _AT_THE_MONEY / _GAMMA_OFF < found < _AT_THE_MONEY * _GAMMA_OFF:
        expected = "gamma per unit of price, as the volatilities say"
        raise changed(payload, expected, f"{found / _AT_THE_MONEY:.3g} times that near the money")


def _require_end(payload: Payload, spot: float, contracts: pl.DataFrame) -> None:
    """Raise SourceChanged where the last expiry listed ends before the price, as the others do not: a list cut short.

    Calls and puts of an expiry are listed around the price. Adjusted series are not looked at.
    """
    strike, is_call = pl.col("strike_usd"), pl.col("option_type") == "C"
    around = [(strike.filter(side).min() <= spot) & (strike.filter(side).max() >= spot) for side in (is_call, ~is_call)]
    expiries = (
        contracts.filter(~pl.col("root").str.contains(r"\d$"))
        .group_by("root", "expiry_date", maintain_order=True)
        .agg(is_whole=(around[0] & around[1]).fill_null(value=False), strikes=strike.n_unique())
    )
    whole = expiries["is_whole"]
    if len(whole) < _FEWEST_EXPIRIES or whole[-1] or whole.sum() < _USUAL_SHARE * len(whole):
        return
    last = expiries.row(-1, named=True)
    seen = f"{last['root']} {last['expiry_date']} with {last['strikes']} strikes, calls or puts on one side of it alone"
    raise changed(payload, f"calls and puts on both sides of {spot:,.2f} in the last expiry too", seen)


def moment_of(payload: Payload, text: object, zone: object, where: str) -> datetime:
    """Return an aware moment from ISO 8601, in `zone` (a tzinfo) where the text names none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise changed(payload, f"a moment like 2026-11-18 21:20:00 as {where}", quoted(text)) from None
    if len(str(text)) < len("2026-11-18 21:20"):
        raise changed(payload, f"a moment like 2026-11-18 21:20:00 as {where}", quoted(text))
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)  # type: ignore[arg-type]
