"""The golden figures of trend levels, sectors, other assets and seasonality, from the published marts."""

from __future__ import annotations

from datetime import date

import pytest


def one(published, query: str, *told: object):
    row = published.execute(query, list(told)).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 2, 6), (6932.30, 11.92, 0.8389, 8, "sma_20", 6925.06, -0.104)),
        (date(2025, 4, 4), (5074.08, 22.60, -0.4424, 0, None, None, None)),
    ],
)
def test_position_and_nearest_trigger(published, day, expected):
    row = one(
        published,
        "select round(close_index, 2), round(realised_vol_60d_pct, 2), round(position_ratio, 4),"
        " signals_positive_count, nearest_below_signal, round(nearest_below_index, 2),"
        " round(nearest_below_distance_pct, 3)"
        " from marts.trend_levels_daily where index_id = 'SPX' and session_date = ?",
        day,
    )
    assert row == expected


def test_all_flip_prices(published):
    flips = dict(
        published.execute(
            "select signal, round(flip_index, 2) from marts.trend_signals_daily"
            " where index_id = 'SPX' and session_date = '2026-02-06'"
        ).fetchall()
    )
    assert flips == {
        "sma_20": 6925.06,
        "sma_50": 6888.13,
        "sma_100": 6801.39,
        "sma_200": 6475.01,
        "momentum_21": 6921.46,
        "momentum_63": 6720.32,
        "momentum_126": 6389.45,
        "momentum_252": 6083.57,
    }


def test_sectors_of_a_day(published):
    rows = published.execute(
        "select ticker, round(return_1d_pct, 2) from marts.sector_daily"
        " where session_date = '2026-02-06' and ticker_group = 'sector' order by return_1d_rank"
    ).fetchall()
    assert rows == [
        ("XLK", 4.06),
        ("XLI", 2.86),
        ("XLB", 2.00),
        ("XLE", 1.99),
        ("XLV", 1.85),
        ("XLRE", 1.84),
        ("XLF", 1.82),
        ("XLP", 1.17),
        ("XLU", 0.58),
        ("XLY", 0.41),
        ("XLC", -0.39),
    ]


def test_sectors_of_a_month(published):
    rows = published.execute(
        "select ticker, round(return_21d_pct, 2), return_21d_rank from marts.sector_daily"
        " where session_date = '2026-02-06' and ticker_group = 'sector' order by return_21d_rank"
    ).fetchall()
    assert rows[:4] == [("XLE", 17.99, 1), ("XLP", 14.77, 2), ("XLB", 10.35, 3), ("XLI", 8.94, 4)]
    assert rows[-1] == ("XLK", -3.69, 11)


@pytest.mark.parametrize(("day", "ratio"), [(date(2026, 2, 6), 0.88121), (date(2025, 11, 21), 0.92493)])
def test_defensive_over_cyclical(published, day, ratio):
    query = "select round(defensive_cyclical_ratio, 5) from marts.sector_ratio_daily where session_date = ?"
    assert one(published, query, day) == (ratio,)


def test_the_stop_fall_of_the_software_fund(published):
    row = one(
        published,
        "select round(close_split_adjusted_usd, 2), round(volume_ratio, 2), round(anchor_close_usd, 2), anchor_date,"
        " round(anchor_low_usd, 2), state, invalidated_date from marts.sector_patterns"
        " where ticker = 'IGV' and event_date = '2026-02-06'",
    )
    assert row == (82.46, 4.88, 79.67, date(2026, 2, 5), 79.27, "invalidated", date(2026, 2, 23))


def test_the_other_events_of_the_software_fund(published):
    rows = published.execute(
        "select event_date, round(anchor_close_usd, 2), invalidated_date, cluster_id from marts.sector_patterns"
        " where ticker = 'IGV' and event_date >= '2025-04-01' order by event_date"
    ).fetchall()
    found = {str(day): (anchor, ended) for day, anchor, ended, _ in rows}
    assert found["2025-04-09"][1] is None
    assert found["2025-11-24"] == (100.8, date(2026, 1, 15))
    assert found["2026-01-22"][1] == date(2026, 1, 29)
    assert found["2026-02-13"] == found["2026-02-18"] == (80.96, date(2026, 2, 20))
    of_march = [found[f"2026-02-{day}"] for day in (24, 25, 26)]
    assert of_march == [(76.94, date(2026, 3, 27))] * 3
    clusters = {str(day): cluster for day, _, _, cluster in rows}
    assert clusters["2026-02-13"] == clusters["2026-02-18"]
    assert clusters["2026-02-24"] == clusters["2026-02-25"] == clusters["2026-02-26"]
    assert len({clusters[day] for day in ("2026-02-06", "2026-02-13", "2026-02-24")}) == 3


def test_gold_silver_and_bitcoin_fall_together(published):
    rows = {
        asset: told
        for asset, *told in published.execute(
            "select asset, round(return_5d_pct, 2), round(return_5_own_days_pct, 2), round(sigma_252_5d_pct, 2),"
            " is_drawdown, drawdowns_count, assets_count from marts.cross_asset_daily where session_date = '2026-02-05'"
        ).fetchall()
    }
    assert rows["GLD"][:4] == [-10.89, -10.89, 3.04, True]
    assert rows["SLV"][0] == -36.83
    assert rows["SLV"][3] is True
    # five sessions are seven days of bitcoin; over five of its own days it lost 20.25 %
    assert rows["BTC"][:2] == [-25.85, -20.25]
    assert rows["BTC"][3] is True
    assert rows["GLD"][4:] == [3, 4]  # of Hong Kong and the mainland there is no file


def test_seasonality_of_1991_to_2025(published):
    rows = published.execute(
        "select month_number, round(mean_return_pct, 3), years_count, first_year from marts.seasonality_monthly"
        " where as_of_year = 2026 order by month_rank"
    ).fetchall()
    assert {(years, first) for *_, years, first in rows} == {(35, 1991)}
    assert [(month, mean) for month, mean, *_ in rows] == [
        (11, 2.065),
        (4, 1.617),
        (10, 1.523),
        (7, 1.518),
        (12, 1.203),
        (3, 0.943),
        (5, 0.917),
        (1, 0.601),
        (6, 0.164),
        (2, 0.044),
        (8, -0.233),
        (9, -0.592),
    ]


@pytest.mark.parametrize(("moment", "year"), [("2025-12-02 23:00", 2025), ("2025-12-31 23:30", 2026)])
def test_seasonality_of_a_year_is_known_when_its_last_session_is_over(published, moment, year):
    assert one(published, f"select max(as_of_year) from marts.seasonality_monthly_as_of('{moment}')") == (year,)


def test_momentum_looks_back_sessions_past_one_without_a_close(published):
    """There is no close of 2021-08-11: 21 sessions before 2021-09-10 it is that of 08-10, 4,436.75; 09-13 has 08-12."""
    rows = published.execute(
        "select session_date, round(compared_index, 2) from marts.trend_signals_daily where index_id = 'SPX'"
        " and signal = 'momentum_21' and session_date in ('2021-09-10', '2021-09-13') order by 1"
    ).fetchall()
    assert rows == [(date(2021, 9, 10), 4436.75), (date(2021, 9, 13), 4460.83)]


def test_a_hammer_is_told_to_the_cent(published):
    query = "select is_hammer from marts.sector_levels_daily where ticker = 'XLP' and session_date = '2025-07-14'"
    assert one(published, query) == (True,)


def test_cboes_correlation_and_dispersion_are_beside_the_vix(published):
    query = "select cor1m_index, dspx_index from marts.volatility_daily where session_date = '2014-06-19'"
    assert one(published, query)[1] == 17.81
    assert one(published, query)[0] is not None
