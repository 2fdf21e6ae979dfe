"""What moved the Treasury's account each day: receipts, outlays, refunds and the debt that pays for the difference.

The account's balance is the market's. Outlays grow with unemployment, receipts come at their dates; whatever the two
and the change of the balance leave open is borrowed or repaid, so that every day's flows add up to the balance.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator.render.view import View

FIRST_DAY: Final = date(2021, 10, 1)
"""The stand-in has the lines from here on."""

RECEIPTS: Final = ("taxes", "customs", "other_deposits")
OUTLAYS: Final = (
    *("transfers", "unemployment", "health", "interest", "defense", "salaries", "other_withdrawals"),
    *("refunds_individual_transfer", "refunds_individual_check", "refunds_business"),
)
ISSUES: Final = ("bills_issued", "cash_bills", "coupons_issued")
REDEMPTIONS: Final = ("bills_redeemed", "coupons_redeemed")

_Amounts = npt.NDArray[np.float64]

_BILLS_SHARE: Final = 0.7  # of what is borrowed on a day when no coupons settle
_COUPONS_SHARE: Final = 0.75  # of what is borrowed when they do


def flows(view: View) -> pl.DataFrame:
    """Return per day, in whole millions: close, receipts, outlays, refunds and debt by kind; see the columns."""
    return view.remember("flows", ["tga_daily"], "treasury", lambda: _flows(view))


def _flows(view: View) -> pl.DataFrame:
    days = view.values("tga_daily", "treasury").with_columns(pl.col("value").round(0).alias("close"))
    days = days.with_columns((pl.col("close") - pl.col("close").shift(1).fill_null(pl.col("close"))).alias("change"))
    days = days.filter(pl.col("period_date") >= FIRST_DAY)
    if days.is_empty():
        return days
    made = _made(days["period_date"], days["change"].to_numpy(), _slack(view, days["period_date"]))
    found = days.select("period_date", "close", "change").with_columns(
        pl.Series(name, np.round(amounts)).cast(pl.Int64) for name, amounts in made.items()
    )
    return found.with_columns(
        pl.sum_horizontal(*RECEIPTS, *ISSUES).alias("deposits"),
        pl.sum_horizontal(*OUTLAYS, *REDEMPTIONS).alias("withdrawals"),
    )


def _slack(view: View, days: pl.Series) -> _Amounts:
    """Return unemployment of three months before above four percent, as first printed: always known, never revised."""
    rates = view.market.vintages("unrate", "fred", view.now).unique("period_date", keep="first").sort("period_date")
    asked = pl.DataFrame({"day": days}).with_columns(pl.col("day").dt.offset_by("-3mo"))
    found = asked.join_asof(
        rates.select("period_date", "value"), left_on="day", right_on="period_date", strategy="backward"
    )
    return np.maximum(found["value"].fill_null(4.0).to_numpy() - 4.0, 0.0)


def _made(days: pl.Series, change: _Amounts, slack: _Amounts) -> dict[str, _Amounts]:
    ordinal = days.dt.ordinal_day().to_numpy().astype(float)
    of_month, month, weekday = (days.dt.day().to_numpy(), days.dt.month().to_numpy(), days.dt.weekday().to_numpy())
    drawn = (days.to_physical().to_numpy().astype(np.int64) * 7919 % 1000) / 1000  # the same for a day at all times
    grown = 1.05 ** (days.dt.year().to_numpy() - FIRST_DAY.year)
    tax_day = np.isin(month, (1, 4, 6, 9)) & (of_month >= 15) & (of_month <= 20)
    season = np.exp(-(((ordinal - 62) / 22) ** 2))  # refunds: February to April
    benefits = np.where(of_month <= 3, 26_000.0, np.where(weekday == 3, 22_000.0, 900.0))
    flows_of = {
        "taxes": grown * (11_500 + 3_000 * drawn + np.where(tax_day, 30_000, 0)) * (1 - 0.02 * slack),
        "customs": grown * (350 + 80 * drawn),
        "other_deposits": grown * (4_000 + 900 * drawn),
        "transfers": grown * (benefits + 1_500) * (1 + 0.06 * slack),
        "unemployment": grown * (150 + 450 * slack),
        "health": grown * (4_200 + 700 * drawn),
        "interest": grown * np.where((of_month >= 15) & (of_month <= 17), 16_000, 250),
        "defense": grown * (2_600 + 300 * drawn),
        "salaries": grown * np.where(weekday == 5, 4_000, 500),
        "other_withdrawals": grown * (2_700 + 400 * drawn),
        "refunds_individual_transfer": grown * (300 + 7_600 * season * (0.4 + 1.2 * drawn)),
        "refunds_individual_check": grown * (60 + 350 * season),
        "refunds_business": grown * (180 + 160 * drawn),
    }
    flows_of = {name: np.round(amounts) for name, amounts in flows_of.items()}
    paid_in = sum((flows_of[name] for name in RECEIPTS), np.zeros(len(change)))
    paid_out = sum((flows_of[name] for name in OUTLAYS), np.zeros(len(change)))
    return flows_of | _debt(np.round(change - paid_in + paid_out), of_month, weekday, drawn, slack)


def _debt(
    borrowed: _Amounts, of_month: npt.NDArray[np.int8], weekday: npt.NDArray[np.int8], drawn: _Amounts, slack: _Amounts
) -> dict[str, _Amounts]:
    """Return what is issued and redeemed: bills roll twice a week, coupons settle mid-month and at its end."""
    settles = np.isin(of_month, (15, 16, 17, 28, 29, 30, 31))
    rolled = np.where(np.isin(weekday, (2, 4)), np.round(90_000 + 60_000 * drawn), np.round(400 * drawn))
    coupons = np.round(borrowed * np.where(settles, _COUPONS_SHARE, 1 - _BILLS_SHARE))
    bills = borrowed - coupons
    matured = np.where(settles, np.round(40_000 + 15_000 * drawn), 0.0)
    issued = rolled + np.maximum(bills, 0.0)
    cash_bills = np.where(slack > 1, np.round(issued / 10), 0.0)
    return {
        "bills_issued": issued - cash_bills,
        "cash_bills": cash_bills,
        "bills_redeemed": rolled + np.maximum(-bills, 0.0),
        "coupons_issued": matured + np.maximum(coupons, 0.0),
        "coupons_redeemed": matured + np.maximum(-coupons, 0.0),
    }
