"""The inputs of a session: windows as known at its cut-off, what is new, and what happens when a source is silent."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from analytics.regimes.inputs import InputReader, Panel, PanelRows
from analytics.regimes.knowledge import Replay
from analytics.regimes.types import CORE, DIMENSIONS, each_input
from tests.unit import regime_world as world
from tests.unit.regime_world import Row, of_rows, read


def daily(series_id: str, last: str, values: list[float], time: str = "22:00", **more) -> list[Row]:
    """Values on the sessions up to `last`, each known the same evening (UTC)."""
    spine, _ = world.reference()
    end = spine.dates.index(date.fromisoformat(last))
    days = spine.dates[end - len(values) + 1 : end + 1]
    return [Row(series_id, str(day), value, f"{day} {time}", **more) for day, value in zip(days, values, strict=True)]


# -- windows -----------------------------------------------------------------------------------------------------


def test_a_window_takes_its_older_values_as_they_were_known_at_the_cutoff():
    rows = daily("hy_oas", "2020-03-02", [300.0 + n for n in range(22)])
    revised = Row("hy_oas", rows[0].period, 250.0, "2020-03-03 15:00")  # after the cut-off of 2 March, 14:15
    found = read(of_rows(*rows, revised), "2020-03-02").credit
    assert (found.hy_oas_bp.value, found.hy_oas_change_21d_bp.value) == (321.0, 21.0)
    later = read(of_rows(*rows, revised, *daily("hy_oas", "2020-03-03", [322.0])), "2020-03-03").credit
    assert later.hy_oas_change_21d_bp.value == 21.0  # 322 - 301: the window has moved on
    known = read(of_rows(*rows, revised), "2020-03-02", "2020-03-03 15:00").credit
    assert known.hy_oas_change_21d_bp.value == 71.0


def test_weekend_rows_fall_away_before_sessions_are_counted():
    rows = daily("hy_oas", "2020-03-02", [300.0 + n for n in range(22)])
    weekend = Row("hy_oas", "2020-02-29", 999.0, "2020-03-02 15:30")
    found = read(of_rows(*rows, weekend), "2020-03-02").credit
    assert (found.hy_oas_bp.value, found.hy_oas_change_21d_bp.value) == (321.0, 21.0)


def test_a_change_begins_with_the_last_value_before_a_holiday_of_the_bond_market():
    rows = daily("hy_oas", "2019-11-12", [300.0 + n for n in range(30)])
    holiday = [row for row in rows if row.period != "2019-10-14"]  # Columbus Day: NYSE is open
    assert read(of_rows(*rows), "2019-11-12").credit.hy_oas_change_21d_bp.value == 21.0
    assert read(of_rows(*holiday), "2019-11-12").credit.hy_oas_change_21d_bp.value == 22.0
    gap = [row for row in rows if not "2019-10-08" <= row.period <= "2019-10-14"]
    assert read(of_rows(*gap), "2019-11-12").credit.hy_oas_change_21d_bp.reason == "missing"


def test_a_change_ends_at_the_newest_value_when_the_sessions_own_is_not_out_yet():
    rows = daily("hy_oas", "2020-02-28", [300.0 + n for n in range(22)])
    found = read(of_rows(*rows), "2020-03-02").credit
    assert (found.hy_oas_bp.obs_date, found.hy_oas_change_21d_bp.value) == (date(2020, 2, 28), 21.0)


@pytest.mark.parametrize(("count", "reason"), [(21, "warm-up"), (22, None)])
def test_a_window_that_is_not_full_is_warming_up(count, reason):
    found = read(of_rows(*daily("hy_oas", "2020-03-02", [300.0] * count)), "2020-03-02")
    assert found.credit.hy_oas_change_21d_bp.reason == reason
    assert found.credit.hy_oas_bp.value == 300.0


def test_the_streak_of_vvix_ends_at_the_session_and_a_gap_breaks_it():
    values = [111.0, 112.0, 113.0, 115.0, 116.0, 117.0]
    rows = daily("vvix_close", "2020-03-02", values)
    assert read(of_rows(*rows), "2020-03-02").volatility.vvix_above_110_streak_count.value == 6.0
    gap = [row for row in rows if row.value != 113.0]
    assert read(of_rows(*gap), "2020-03-02").volatility.vvix_above_110_streak_count.value == 3.0
    assert read(of_rows(*rows[:-1]), "2020-03-02").volatility.vvix_above_110_streak_count.reason == "missing"
    low = [*rows[:-1], Row("vvix_close", "2020-03-02", 110.0, "2020-03-02 22:00")]
    assert read(of_rows(*low), "2020-03-02").volatility.vvix_above_110_streak_count.value == 0.0


def test_percentiles_count_the_values_not_above():
    rows = daily("put_call_total_ratio", "2020-03-02", [n / 1000 for n in range(252, 0, -1)])
    found = read(of_rows(*rows), "2020-03-02").options_sentiment
    assert found.put_call_total_percentile.value == pytest.approx(100 / 252, abs=1e-6)
    few = read(of_rows(*rows[15:]), "2020-03-02").options_sentiment.put_call_total_percentile
    assert (few.value, few.reason) == (None, "warm-up")  # 237 of 252


# -- net liquidity -----------------------------------------------------------------------------------------------


def h41(week: str, assets: float, tga: float, rrp: float) -> list[Row]:
    known = str(date.fromisoformat(week) + timedelta(days=1)) + " 21:30"
    return [
        Row("fed_total_assets", week, assets, known),
        Row("tga_wednesday", week, tga, known),
        Row("on_rrp", week, rrp, f"{week} 18:20"),
        Row("primary_credit", week, 3.0, known),
    ]


def test_net_liquidity_changes_by_the_figures_of_the_worked_table():
    """on other Wednesdays: 2023-03-08 stands 4 weeks before, 2021-12-22 13 weeks before."""
    rows = [
        *h41("2019-12-04", 8790.495, 197.516, 1699.277),  # 6893.702
        *h41("2020-02-05", 8342.283, 311.731, 2193.237),  # 5837.315
        *h41("2020-03-04", 8639.300, 277.643, 2055.823),  # 6305.834
    ]
    found = read(of_rows(*rows), "2020-03-05").net_liquidity
    assert found.nl_change_4w_ratio.value == pytest.approx(6305.834 / 5837.315 - 1, abs=1e-9)
    assert found.nl_change_13w_ratio.value == pytest.approx(6305.834 / 6893.702 - 1, abs=1e-9)
    assert found.nl_print_date == date(2020, 3, 4)
    at_close = read(of_rows(*rows), "2020-03-05", "2020-03-05 21:15").net_liquidity
    assert at_close.nl_change_4w_ratio.obs_date == date(2020, 2, 5)  # the H.4.1 comes at 16:30


def test_a_leg_that_is_late_keeps_the_print_before():
    weeks = [
        row for n in range(15) for row in h41(str(date(2020, 2, 26) - timedelta(weeks=n)), 4000.0 + n, 400.0, 10.0)
    ]
    full = h41("2020-03-04", 4100.0, 400.0, 10.0)
    found = read(of_rows(*weeks, *full), "2020-03-05").net_liquidity
    assert found.nl_print_date == date(2020, 3, 4)
    assert found.nl_change_4w_ratio.value == pytest.approx(3690 / 3593 - 1)
    late = [row for row in full if row.series_id != "tga_wednesday"]
    found = read(of_rows(*weeks, *late), "2020-03-05").net_liquidity
    assert (found.nl_print_date, found.nl_change_4w_ratio.obs_date) == (date(2020, 2, 26), date(2020, 2, 26))
    stale = read(of_rows(*weeks, *late), "2020-03-09").net_liquidity  # 12 days after the print
    assert stale.nl_change_4w_ratio.reason == "stale"


def test_a_programme_without_a_row_lends_nothing():
    rows = [*h41("2020-02-05", 4000.0, 400.0, 10.0), *h41("2020-03-04", 4100.0, 400.0, 10.0)]
    rows = [Row(r.series_id, r.period, 50.0, r.known_at) if r == rows[-1] else r for r in rows]
    programme = Row("bank_term_funding", "2020-03-04", 64.0, "2020-03-05 21:30")
    assert read(of_rows(*rows), "2020-03-05").net_liquidity.emergency_change_4w_usd_bn.value == 47.0
    assert read(of_rows(*rows, programme), "2020-03-05").net_liquidity.emergency_change_4w_usd_bn.value == 111.0


def test_a_programme_whose_print_is_late_is_unknown_and_one_that_fell_silent_has_ended():
    weeks = [f"2020-{day}" for day in ("01-29", "02-05", "02-12", "02-19", "02-26", "03-04")]
    rows = [row for week in weeks for row in h41(week, 4000.0, 400.0, 10.0)]

    def change(*lent: float | None) -> tuple[float | None, str | None]:
        """The programme over these weeks, None where it has no row."""
        prints = zip(weeks, lent, strict=True)
        programme = [
            Row("bank_term_funding", week, value, "2020-03-05 21:30") for week, value in prints if value is not None
        ]
        found = read(of_rows(*rows, *programme), "2020-03-05").net_liquidity.emergency_change_4w_usd_bn
        return found.value, found.reason

    assert change(0.0, 20.0, 40.0, 60.0, 80.0, 150.0) == (130.0, None)
    assert change(0.0, 20.0, 40.0, 60.0, 80.0, None) == (None, "missing")
    assert change(0.0, None, 40.0, 60.0, 80.0, 150.0) == (None, "missing")
    assert change(None, None, 40.0, 60.0, 80.0, 150.0) == (150.0, None)  # not begun 4 weeks before
    assert change(80.0, 20.0, 10.0, None, None, None) == (-20.0, None)


def test_before_its_first_operation_the_facility_counts_as_zero():
    rows = [row for row in h41("2013-09-18", 3700.0, 100.0, 0.0) if row.series_id != "on_rrp"]
    rows += [row for row in h41("2013-08-21", 3600.0, 100.0, 0.0) if row.series_id != "on_rrp"]
    found = read(of_rows(*rows), "2013-09-19").net_liquidity
    assert found.nl_change_4w_ratio.value == pytest.approx(3600 / 3500 - 1)
    later = [row for row in h41("2013-09-25", 3700.0, 100.0, 0.0) if row.series_id != "on_rrp"]
    assert read(of_rows(*rows, *later), "2013-09-26").net_liquidity.nl_print_date == date(2013, 9, 18)


# -- carry -------------------------------------------------------------------------------------------------------


def yields(time: str) -> list[Row]:
    """Yields that rise by 2 bp a session in the US and by 1 bp in Japan, each known at this time (UTC) of its day."""
    rising = [round(1 + 0.02 * n, 2) for n in range(25)]
    slow = [round(0.01 * n, 2) for n in range(25)]
    return [
        *daily("us_2y_yield", "2020-03-02", rising, time),
        *daily("jgb_2y_yield", "2020-03-02", slow, time),
    ]


def test_the_carry_changes_over_21_sessions_at_either_cutoff():
    rows = of_rows(*yields("23:00"))
    morning = read(rows, "2020-03-02").carry
    assert (morning.carry_2y_change_21d_bp.value, morning.carry_2y_change_21d_bp.obs_date) == (21.0, date(2020, 3, 2))
    close = read(rows, "2020-03-02", "2020-03-02 21:15").carry  # the yields of the day are not out yet
    assert (close.carry_2y_change_21d_bp.value, close.carry_2y_change_21d_bp.obs_date) == (21.0, date(2020, 2, 28))
    bond_holiday = [row for row in yields("23:00") if (row.series_id, row.period) != ("us_2y_yield", "2020-03-02")]
    found = read(of_rows(*bond_holiday), "2020-03-02").carry
    assert (found.carry_2y_bp.value, found.carry_2y_bp.obs_date) == (122.0, date(2020, 2, 28))
    change = found.carry_2y_change_21d_bp
    assert (change.value, change.obs_date) == (21.0, date(2020, 2, 28)), "a carried yield ends no change"


def test_the_change_of_the_carry_begins_with_the_last_day_that_has_both_yields():
    """The session 21 back is a holiday of one of them: the last one before it, at most five calendar days older."""
    both = yields("23:00")
    sessions = sorted({row.period for row in both})
    assert sessions[3] == "2020-01-30", "21 sessions before 2 March, a Thursday"

    def without(*gone: str) -> tuple[float | None, str | None]:
        kept = [row for row in both if row.series_id != "jgb_2y_yield" or row.period not in gone]
        found = read(of_rows(*kept), "2020-03-02").carry.carry_2y_change_21d_bp
        return found.value, found.reason

    assert without() == (21.0, None)
    assert without(sessions[3]) == (22.0, None)
    assert without(*sessions[1:4]) == (24.0, None)  # Monday the 27th, three days older
    older = (
        Row("us_2y_yield", "2020-01-24", 0.98, "2020-01-24 23:00"),
        Row("jgb_2y_yield", "2020-01-24", -0.01, "2020-01-24 23:00"),
    )
    kept = [row for row in both if row.series_id != "jgb_2y_yield" or row.period not in sessions[:4]]
    change = read(of_rows(*older, *kept), "2020-03-02").carry.carry_2y_change_21d_bp
    assert change.reason == "missing", "Friday the 24th is six days older"


def test_a_holiday_of_tokyo_keeps_the_last_change_while_its_yield_may_be_read():
    dollar = daily("us_2y_yield", "2020-03-06", [round(1 + 0.02 * n, 2) for n in range(40)])
    yen = daily("jgb_2y_yield", "2020-02-25", [round(0.01 * n, 2) for n in range(32)])
    found = read(of_rows(*dollar, *yen), "2020-03-02").carry  # six days after, the limit is seven; that of dollars five
    assert (found.carry_2y_change_21d_bp.value, found.carry_2y_change_21d_bp.obs_date) == (21.0, date(2020, 2, 25))
    assert read(of_rows(*dollar, *yen), "2020-03-04").carry.carry_2y_change_21d_bp.reason == "stale"


# -- percentiles and volatility ----------------------------------------------------------------------------------


def test_a_percentile_needs_all_its_values_and_says_how_many_there_are():
    ratios = [0.8 + 0.001 * n for n in range(266)]
    rows = daily("put_call_total_ratio", "2020-03-02", ratios, "23:00")

    def ranked(kept: list[Row]) -> tuple[float | None, float | None]:
        found = read(of_rows(*kept), "2020-03-02").options_sentiment
        return found.put_call_total_percentile.value, found.put_call_window_count.value

    assert ranked(rows[-252:]) == (100.0, 252.0)
    assert ranked(rows[-251:]) == (None, 251.0)
    lowest = Row("put_call_total_ratio", "2020-03-02", 0.0, "2020-03-02 23:00")
    assert ranked([*rows[:-1], lowest])[0] == pytest.approx(100 / 252, abs=1e-6)
    gaps = [row for place, row in enumerate(rows) if place not in range(200, 213)]
    assert ranked(gaps) == (100.0, 252.0), "13 gaps: the last 252 values lie within 265 sessions"
    assert ranked([row for place, row in enumerate(rows) if place not in range(200, 214)]) == (None, 251.0)


def test_the_rank_of_the_yen_needs_all_its_volatilities():
    rates = [100 + (n * 37 % 11) * 0.1 for n in range(756 + 21)]
    rows = daily("usdjpy", "2020-03-02", rates)
    full = read(of_rows(*rows), "2020-03-02").carry
    assert full.usdjpy_volatility_window_count.value == 756.0
    assert full.usdjpy_volatility_21d_percentile.value is not None
    short = read(of_rows(*rows[3:]), "2020-03-02").carry  # the first of 19 steps is the first volatility
    assert (short.usdjpy_volatility_21d_percentile.value, short.usdjpy_volatility_21d_percentile.reason) == (
        None,
        "warm-up",
    )
    assert short.usdjpy_volatility_window_count.value == 755.0


def test_a_change_that_spans_a_closure_of_the_exchange_is_in_the_realised_volatility():
    """September 2001: nothing from the 11th to the 14th; the change from the 10th to the 17th is one of 21."""
    days = [day for day in world.reference()[0].dates if date(2001, 8, 1) <= day <= date(2001, 9, 17)]
    assert (days[-2], days[-1]) == (date(2001, 9, 10), date(2001, 9, 17))
    levels = [4.84] * (len(days) - 1) + [4.63]
    rows = [Row("us_10y_yield", str(day), level, f"{day} 22:00") for day, level in zip(days, levels, strict=True)]
    found = read(of_rows(*rows), "2001-09-17").rates_volatility.proxy_rate_volatility_bp.value
    assert found == pytest.approx(21 / math.sqrt(21) * math.sqrt(252), abs=1e-5), "-21 bp and twenty times none"
    gap = [row for row in rows if not "2001-08-31" <= row.period <= "2001-09-07"]
    assert read(of_rows(*gap), "2001-09-17").rates_volatility.proxy_rate_volatility_bp.reason == "missing"


def test_the_change_of_the_carry_warms_up_and_tells_a_gap():
    rows = yields("23:00")
    sessions = sorted({row.period for row in rows})
    young = [row for row in rows if row.period > sessions[3]]
    assert read(of_rows(*young), "2020-03-02").carry.carry_2y_change_21d_bp.reason == "warm-up"
    gap = [
        Row("us_2y_yield", "2020-01-15", 1.0, "2020-01-15 23:00"),
        *(row for row in rows if row.series_id != "us_2y_yield" or row.period > sessions[10]),
    ]
    assert read(of_rows(*gap), "2020-03-02").carry.carry_2y_change_21d_bp.reason == "missing"


# -- funding, labour, leverage -----------------------------------------------------------------------------------


def test_funding_takes_the_rate_in_force_and_marks_calendar_days():
    rows = [
        *daily("sofr", "2020-03-02", [1.58, 1.58, 1.60], "13:00"),
        Row("ioer", "2020-02-26", 1.60, "2020-02-25 19:00"),
    ]
    found = read(of_rows(*rows), "2020-03-02").funding
    assert [(str(day.obs_date), day.sofr_iorb_bp, day.is_calendar_day) for day in found.days] == [
        ("2020-02-27", -2.0, False),
        ("2020-02-28", -2.0, True),
        ("2020-03-02", 0.0, True),
    ]
    assert found.sofr_iorb_bp.value == 0.0
    assert [day.is_new for day in found.days] == [True, True, True]
    old = [*rows[:3], Row("ioer", "2020-02-20", 1.60, "2020-02-19 19:00")]  # more than 7 days before
    assert read(of_rows(*old), "2020-03-02").funding.days[-1].obs_date == date(2020, 2, 27)


def months(series_id: str, values: dict[str, float | None], known_at: str = "2020-01-01 13:30") -> list[Row]:
    return [Row(series_id, month, value, known_at) for month, value in values.items()]


def test_a_month_that_was_never_collected_leaves_the_strict_rule_unknown():
    values = {f"{year}-{month:02}-01": 4.0 for year in (2018, 2019) for month in range(1, 13)}
    rows = [*months("unrate", {**values, "2019-12-01": 4.6}), *months("sahm_realtime", {"2019-12-01": 0.2})]
    found = read(of_rows(*rows), "2020-01-15").labor
    assert (found.sahm_realtime_pct.value, found.has_all_three_months.value) == (0.2, 1.0)
    assert found.sahm_two_of_three_pct.value == 0.2
    gap = [row for row in rows if row.period != "2019-10-01"]
    found = read(of_rows(*gap), "2020-01-15").labor
    assert (found.has_all_three_months.value, found.sahm_two_of_three_pct.value) == (0.0, 0.3)
    null = [*rows, Row("unrate", "2019-10-01", None, "2020-01-02 13:30")]  # withdrawn is the same
    assert read(of_rows(*null), "2020-01-15").labor.has_all_three_months.value == 0.0


def test_a_figure_older_than_the_newest_rate_stands_on_its_own_three_months():
    """The rate of January is out, the newest Sahm figure is December's: it needs October, which was never collected."""
    values = {f"{year}-{month:02}-01": 4.0 for year in (2018, 2019) for month in range(1, 13)}
    gap = months("unrate", {**{m: v for m, v in values.items() if m != "2019-10-01"}, "2020-01-01": 4.0})
    rows = [*gap, *months("sahm_realtime", {"2019-12-01": 0.2})]
    assert read(of_rows(*rows), "2020-02-10").labor.has_all_three_months.value == 0.0
    newer = [*rows, *months("sahm_realtime", {"2020-01-01": 0.2})]
    assert read(of_rows(*newer), "2020-02-10").labor.has_all_three_months.value == 1.0


def test_margin_debt_over_a_year_and_three_months():
    rows = months("margin_debt", {"2019-01-01": 400.0, "2019-10-01": 450.0, "2020-01-01": 500.0})
    found = read(of_rows(*rows), "2020-03-02").leverage
    assert (found.margin_debt_yoy_ratio.value, found.margin_debt_3m_ratio.value) == (0.25, pytest.approx(1 / 9))


# -- the panel ---------------------------------------------------------------------------------------------------


def panel(**changes) -> Panel:
    """Breadth and flows of three sessions; `changes` are (place, value) by column."""
    days = [date(2020, 2, 27), date(2020, 2, 28), date(2020, 3, 2)]
    columns: dict[str, list] = {
        "session_date": days,
        "settled_at": [datetime(day.year, day.month, day.day, 23) for day in days],
        "known_at": [datetime(day.year, day.month, day.day, 23) for day in days],
        "above_200dma_pct": [50.0, 51.0, 52.0],
        "coverage_ratio": [0.99, 0.99, 0.99],
        "is_covered": [True, True, True],
        "is_adl_divergence": [False, False, True],
        "is_zweig_thrust": [False, False, False],
        "flow_5d_zscore": [0.1, 0.2, 0.3],
        "flow_5d_usd_mn": [1.0, 2.0, 3.0],
    }
    for name, (place, value) in changes.items():
        columns[name][place] = value
    rows = PanelRows.of(pl.DataFrame(columns, infer_schema_length=None))
    return Panel(rows, rows)


NONE = of_rows(Row("vix_close", "2020-03-02", 20.0, "2020-03-03 02:00"))


def test_a_row_of_the_panel_counts_from_the_moment_it_was_settled():
    found = read(NONE, "2020-03-02", panel=panel())
    assert (found.breadth.above_200dma_pct.value, found.etf_flows.flow_5d_zscore.value) == (52.0, 0.3)
    assert found.breadth.is_adl_divergence.value == 1.0
    late = panel(settled_at=(2, datetime(2020, 3, 3, 14, 16)))  # a minute after the cut-off
    assert read(NONE, "2020-03-02", panel=late).breadth.above_200dma_pct.value == 51.0


def test_a_row_without_coverage_is_unknown_for_breadth_and_no_row_for_flows():
    gone = panel(above_200dma_pct=(2, None), is_covered=(2, False), coverage_ratio=(2, 0.7), flow_5d_zscore=(2, None))
    found = read(NONE, "2020-03-02", panel=gone)
    assert (found.breadth.above_200dma_pct.value, found.breadth.above_200dma_pct.reason) == (None, "coverage")
    assert (found.etf_flows.flow_5d_zscore.value, found.etf_flows.flow_5d_zscore.obs_date) == (0.2, date(2020, 2, 28))


def test_a_row_of_flows_that_was_settled_late_is_passed_over():
    late = {"settled_at": (1, datetime(2020, 3, 3, 14, 16)), "flow_5d_zscore": (2, None)}  # after the cut-off
    found = read(NONE, "2020-03-02", panel=panel(**late)).etf_flows.flow_5d_zscore
    assert (found.value, found.obs_date) == (0.1, date(2020, 2, 27))


def test_a_published_series_stands_for_a_count_that_is_not_there():
    filed = of_rows(*daily("sp500_above_200dma_published", "2020-03-02", [33.0, 44.0]))
    own = read(filed, "2020-03-02", panel=panel()).breadth
    assert (own.above_200dma_pct.value, own.is_published.value) == (52.0, None)
    gone = panel(above_200dma_pct=(2, None), is_covered=(2, False), coverage_ratio=(2, 0.7))
    for found in (read(filed, "2020-03-02", panel=gone).breadth, read(filed, "2020-03-02").breadth):
        assert (found.above_200dma_pct.value, found.is_published.value) == (44.0, 1.0)
        assert found.coverage_ratio.value is None, "nobody counted"
    assert found.is_adl_divergence.reason == "missing"
    rows = world.rows_between(filed, Panel(world.EMPTY, world.EMPTY), "2020-02-28", "2020-03-09")
    told = rows.select("breadth_state", "breadth_quality").rows()
    assert told[0] == ("weak", "proxy")
    assert told[-1] == ("unknown", None)  # seven days after the last value


def test_of_breadth_the_greatest_period_counts_and_of_one_period_our_own_count():
    filed = of_rows(*daily("sp500_above_200dma_published", "2020-03-04", [43.0, 44.0, 45.0, 46.0, 47.0]))
    seen = []
    for day in ("2020-02-28", "2020-03-02", "2020-03-03", "2020-03-04"):
        found = read(filed, day, panel=panel()).breadth
        seen.append((found.above_200dma_pct.value, str(found.above_200dma_pct.obs_date), found.is_published.value))
    assert seen == [
        (51.0, "2020-02-28", None),
        (52.0, "2020-03-02", None),
        (46.0, "2020-03-03", 1.0),
        (47.0, "2020-03-04", 1.0),
    ]
    late = of_rows(*daily("sp500_above_200dma_published", "2020-03-02", [44.0]))
    assert read(late, "2020-03-04", panel=panel()).breadth.above_200dma_pct.value == 52.0, "equally old: our own"


def test_a_class_that_stands_on_a_published_series_says_so():
    filed = of_rows(*daily("sp500_above_200dma_published", "2020-03-03", [33.0, 44.0, 45.0]))
    kept = world.vintages().filter(pl.col("series_id") != "sp500_above_200dma_published")
    rows = world.rows_between(pl.concat([kept, filed]), panel(), "2020-02-27", "2020-03-09").to_dicts()
    by_day = {str(row["session_date"]): row for row in rows}
    assert by_day["2020-03-02"]["regime_class_quality"] == "own"
    assert "published series" not in by_day["2020-03-02"]["explain_text"]
    on_file = by_day["2020-03-04"]
    assert (on_file["regime_class_quality"], on_file["breadth_quality"]) == ("proxy", "proxy")
    assert "published series" in on_file["explain_text"]
    assert "coverage_ratio" not in (on_file["latest_only_inputs"] or "")
    gone = by_day["2020-03-09"]
    assert (gone["regime_class"], gone["regime_class_quality"], gone["breadth_reason"]) == ("unknown", None, "stale")
    assert "breadth (stale, last value used of 2020-03-03)" in gone["explain_text"], "the newest value that was used"


@pytest.mark.parametrize(("day", "breadth", "flows"), [("2020-03-06", None, None), ("2020-03-09", "stale", "stale")])
def test_rows_of_the_panel_grow_stale(day, breadth, flows):
    found = read(NONE, day, panel=panel())
    assert (found.breadth.above_200dma_pct.reason, found.etf_flows.flow_5d_zscore.reason) == (breadth, flows)


# -- what is new -------------------------------------------------------------------------------------------------


def test_a_value_is_new_once_and_a_late_one_when_it_comes():
    spine, limits = world.reference()
    rows = of_rows(
        *daily("vix_close", "2020-03-02", [20.0, 21.0], "23:00"),
        Row("vix_close", "2020-03-03", 22.0, "2020-03-05 15:00"),  # late: after the cut-off of 3 and 4 March
        Row("vix_close", "2020-03-04", 23.0, "2020-03-05 15:00"),
    )
    replay = Replay(rows, spine, limits)
    reader = InputReader(replay, Panel(world.EMPTY, world.EMPTY))
    seen = []
    for day in ("2020-02-28", "2020-03-02", "2020-03-03", "2020-03-04", "2020-03-05"):
        position = spine.dates.index(date.fromisoformat(day))
        replay.advance(spine.cutoffs[position])
        vix = reader.read(position, spine.cutoffs[position]).volatility.vix_index
        seen.append((vix.value, vix.is_new))
    assert seen == [(20.0, True), (21.0, True), (21.0, False), (21.0, False), (23.0, True)]


def test_a_reader_goes_on_where_another_stopped():
    spine, limits = world.reference()
    places = range(spine.position(date(2020, 2, 3)), spine.position(date(2020, 2, 14)))
    panel_of = world.whole_panel()

    def run(resume_at: int | None) -> list[tuple]:
        replay = Replay(world.vintages(), spine, limits)
        reader, found = InputReader(replay, panel_of), []
        for place in places:
            if place == resume_at:
                seen = reader.seen
                replay = Replay(world.vintages(), spine, limits)
                reader = InputReader(replay, panel_of)
                reader.resume(seen)
            replay.advance(spine.cutoffs[place])
            found.append(reader.read(place, spine.cutoffs[place]))
        return found

    assert run(None) == run(places[4])


# -- nothing ahead, nothing carried ------------------------------------------------------------------------------


@pytest.mark.parametrize("cutoff_name", ["next_morning", "at_close"])
def test_no_input_is_later_than_its_cutoff(cutoff_name):
    spine, limits = world.reference()
    replay, panel_of = Replay(world.vintages(), spine, limits), world.whole_panel()
    reader = InputReader(replay, panel_of)
    cutoffs = spine.cutoffs if cutoff_name == "next_morning" else spine.close_cutoffs
    for place in range(spine.position(date(2019, 6, 3)), spine.position(date(2020, 6, 26))):
        replay.advance(cutoffs[place])
        for dimension, name, value in each_input(reader.read(place, cutoffs[place])):
            assert value.known_at is None or value.known_at <= cutoffs[place], (dimension, name)
            assert value.obs_date is None or value.obs_date <= spine.dates[place], (dimension, name)


SILENT = {
    # series that fall silent: the dimension that must become unknown, and the limit in calendar days
    ("fed_total_assets",): ("net_liquidity", 9),
    ("tga_wednesday",): ("net_liquidity", 9),
    ("on_rrp",): ("net_liquidity", 9),
    ("sofr",): ("funding", 5),
    ("ioer",): ("funding", 7 + 5),  # a rate holds for 7 days, then the last spread for 5 more
    ("move", "us_10y_yield"): ("rates_volatility", 5),
    ("us_2y_yield",): ("carry", 5),
    ("jgb_2y_yield",): ("carry", 7),
    ("usdjpy",): ("carry", 4),
    ("hy_oas", "baa_10y_spread"): ("credit", 6),
    ("vix_close",): ("volatility", 4),
    ("put_call_total_ratio",): ("options_sentiment", 4),
    ("margin_debt",): ("leverage", 60),
    ("sahm_realtime",): ("labor", 50),
    ("unrate",): ("labor", 50),
    ("breadth",): ("breadth", 4),
    ("flows",): ("etf_flows", 5),
}
FIRST, STOP, LAST = "2019-09-03", date(2019, 11, 14), "2020-02-28"


@pytest.fixture(scope="module")
def undisturbed() -> pl.DataFrame:
    return world.rows_between(world.vintages(), world.whole_panel(), FIRST, LAST)


@pytest.mark.parametrize("silent", SILENT, ids="+".join)
def test_an_outage_makes_its_dimension_unknown_at_the_limit_and_nothing_else(silent, undisturbed):
    dimension, limit = SILENT[silent]
    silent_rows = pl.col("series_id").is_in(silent) & (pl.col("period_date") > STOP)
    rows = world.vintages().filter(~silent_rows)
    panel_of = world.whole_panel()
    cut = {
        name: _cut(getattr(panel_of, name)) if name in silent else getattr(panel_of, name)
        for name in ("breadth", "flows")
    }
    found = world.rows_between(rows, Panel(**cut), FIRST, LAST)
    last = _last_period(silent[0], panel_of, rows)
    unknown_from = found.filter((pl.col("session_date") - last).dt.total_days() > limit)
    before = found.filter((pl.col("session_date") - last).dt.total_days() <= limit)
    state = f"{dimension}_state"
    assert set(unknown_from[state]) == {"unknown"}
    assert unknown_from.height > 5
    healthy = undisturbed.filter(pl.col("session_date").is_in(before["session_date"].implode()))
    assert before.filter(pl.col(state) == "unknown").height == healthy.filter(pl.col(state) == "unknown").height
    assert set(unknown_from[f"{dimension}_reason"]) <= {"stale", "missing"}
    for other in DIMENSIONS:
        if other != dimension:
            assert found[f"{other}_state"].to_list() == undisturbed[f"{other}_state"].to_list(), other
    if dimension in CORE:
        assert set(unknown_from["regime_class"]) == {"unknown"}
        assert set(unknown_from["core_score"]) == {None}
    elif dimension in ("net_liquidity", "funding", "carry"):
        assert set(unknown_from["is_partial"]) == {True}
        assert set(unknown_from["dashboard_unknown_count"]) == {1}
        assert unknown_from["core_score"].to_list() == undisturbed.tail(unknown_from.height)["core_score"].to_list()
    elif dimension == "options_sentiment":
        assert set(unknown_from["panic_1d_unknown_count"]) == {1}


def _cut(rows: PanelRows) -> PanelRows:
    until = sum(day <= STOP for day in rows.dates)
    return PanelRows(
        rows.dates[:until],
        rows.settled[:until],
        rows.known[:until],
        {name: cells[:until] for name, cells in rows.columns.items()},
    )


def _last_period(silent: str, panel_of: Panel, rows: pl.DataFrame) -> date:
    """Return the end of the last period that is left."""
    if silent in ("breadth", "flows"):
        return _cut(getattr(panel_of, silent)).dates[-1]
    spine, limits = world.reference()
    last = rows.filter(pl.col("series_id") == silent)["period_date"].max()
    if silent == "on_rrp":  # its leg of the last Wednesday
        last = STOP - timedelta(days=(STOP.weekday() - 2) % 7)
    if silent == "ioer":  # the last session on which the rate still held, less the 7 days counted above
        last = spine.dates[spine.position(last + timedelta(days=7))] - timedelta(days=7)
    return limits[silent].end_of(last)
