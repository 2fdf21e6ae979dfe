"""The golden figures of the spine, out of the whole pipeline over recorded history."""

from __future__ import annotations

import csv
import json
import re
from datetime import date, datetime
from pathlib import Path

import pytest

# Wednesday, WALCL, WDTGAL in millions, RRP in billions, net liquidity in millions.
WORKED_WEEKS = [
    ("2021-12-22", 8_790_495, 197_516, 1_699.277, 6_893_702),
    ("2023-03-08", 8_342_283, 311_731, 2_193.237, 5_837_315),
    ("2023-03-15", 8_639_300, 277_643, 2_055.823, 6_305_834),
    ("2024-08-07", 7_175_256, 785_233, 286.660, 6_103_363),
    ("2025-04-09", 6_727_416, 315_189, 168.115, 6_244_112),
    ("2025-04-16", 6_727_113, 638_783, 54.772, 6_033_558),
    ("2026-02-04", 6_605_909, 907_737, 2.414, 5_695_758),
]


@pytest.mark.parametrize(("week", "assets", "tga", "rrp", "net"), WORKED_WEEKS)
def test_worked_weekly_table_to_the_million(published, week, assets, tga, rrp, net):
    row = published.execute(
        "select fed_total_assets_usd_bn, tga_usd_bn, on_rrp_usd_bn, net_liquidity_usd_bn"
        " from marts.net_liquidity_weekly where week_date = ?",
        [week],
    ).fetchone()
    assert row is not None
    assert [round(figure * 1000) for figure in row] == [assets, tga, round(rrp * 1000), net]


def test_svb_week_and_tax_week_changes(published):
    net = dict(
        published.execute(
            "select week_date, round(net_liquidity_usd_bn * 1000) from marts.net_liquidity_weekly"
        ).fetchall()
    )
    assert net[date(2023, 3, 15)] - net[date(2023, 3, 8)] == 468_519
    assert net[date(2025, 4, 16)] - net[date(2025, 4, 9)] == -210_554


def test_rrp_on_a_wednesday_holiday_is_the_day_before_with_its_date(published):
    row = published.execute(
        "select on_rrp_usd_bn, on_rrp_obs_date, is_calendar_spike from marts.net_liquidity_weekly"
        " where week_date = '2025-01-01'"
    ).fetchone()
    assert row == (473.46, date(2024, 12, 31), True)


def test_level_and_week_average_can_differ_in_sign(published):
    rows = published.execute(
        "select round(net_liquidity_usd_bn * 1000), round(net_liquidity_weekavg_usd_bn * 1000)"
        " from marts.net_liquidity_weekly where week_date in ('2025-12-10', '2025-12-17') order by week_date"
    ).fetchall()
    (level_before, average_before), (level_after, average_after) = rows
    assert (level_before, level_after) == (5_728_431, 5_685_083)
    assert (average_before, average_after) == (5_677_622, 5_720_122)
    assert level_after - level_before == -43_348
    assert average_after - average_before == 42_500


def test_published_dataset_with_the_rrp_unit_bug_is_caught(published, real_data: Path):
    """Its net liquidity subtracts billions of RRP from millions: it breaks the identity that our marts are held to."""
    theirs = json.loads((real_data / "golden" / "fed_liquidity_vriken.json").read_text())
    weeks = list(
        zip(theirs["dates"], theirs["walcl"], theirs["tga"], theirs["rrp"], theirs["net_liquidity"], strict=True)
    )
    ours = {
        str(day): (assets, tga, rrp, net)
        for day, assets, tga, rrp, net in published.execute(
            "select week_date, fed_total_assets_usd_bn, tga_usd_bn, on_rrp_usd_bn, net_liquidity_usd_bn"
            " from marts.net_liquidity_weekly where net_liquidity_usd_bn is not null"
        ).fetchall()
    }
    shared = [(ours[day], walcl, tga, rrp, net) for day, walcl, tga, rrp, net in weeks if day in ours and rrp > 0]
    assert len(shared) > 50
    broken = [row for row in shared if abs(row[1] - row[2] - 1000 * row[3] - row[4]) > 0.5]  # the identity, in millions
    assert len(broken) == len(shared), "every row of that dataset breaks the identity"
    for _, walcl, tga, rrp, net in shared:
        assert walcl - tga - rrp == pytest.approx(net, abs=0.01), "and by exactly the missing factor of 1000 on RRP"
    for assets, tga, rrp, net in ours.values():
        assert assets - tga - rrp == pytest.approx(net, abs=0.0005), "while ours keep it to the million"


@pytest.mark.parametrize(
    ("session", "us", "jp", "spread"),
    [
        ("2026-02-02", 3.57, 1.265, 230.5),
        ("2026-02-05", 3.47, 1.276, 219.4),
        ("2026-02-13", 3.40, 1.289, 211.1),
        ("2024-08-05", 3.89, 0.265, 362.5),
    ],
)
def test_carry_spread(published, session, us, jp, spread):
    row = published.execute(
        "select us_2y_pct, jp_2y_pct, carry_2y_bp from marts.carry_daily where session_date = ?", [session]
    ).fetchone()
    assert row == pytest.approx((us, jp, spread), abs=1e-6)


EVENTS_5 = (
    "2007-08-20 2008-10-21 2010-05-12 2011-08-10 2014-10-16 2015-08-27 2016-06-17 2018-02-08 2018-10-16 2020-02-28"
    " 2020-09-02 2021-03-16 2021-10-04 2022-04-11 2024-08-07 2025-03-12 2025-11-21"
)
EVENTS_7 = (
    "2007-08-22 2008-10-23 2010-05-14 2011-08-12 2015-08-31 2016-06-21 2018-02-12 2020-03-03 2020-09-04 2021-05-18"
    " 2021-11-15 2024-08-09 2025-04-10 2026-03-13"
)


@pytest.mark.parametrize(("closes", "expected"), [(5, EVENTS_5), (7, EVENTS_7)])
def test_vvix_events_with_a_cool_down_of_126_sessions(published, closes, expected):
    rows = published.execute(
        "select s.session_seq, v.session_date, v.vvix_above_110_streak_count >= ? as holds"
        " from marts.volatility_daily v join marts.sessions s using (session_date)"
        " where v.session_date >= '2006-03-06' order by s.session_seq",
        [closes],
    ).fetchall()
    events: list[tuple[int, date]] = []
    before: bool | None = None
    for sequence, session, holds in rows:
        onset = holds is True and before is not True
        if onset and (not events or sequence >= events[-1][0] + 126):
            events.append((sequence, session))
        before = holds
    assert " ".join(str(session) for _, session in events) == expected


def test_vvix_closes_of_november_2025(published):
    rows = published.execute(
        "select vvix_index from marts.volatility_daily where session_date between '2025-11-17' and '2025-11-24'"
        " order by session_date"
    ).fetchall()
    assert [value for (value,) in rows] == [117.86, 124.32, 119.57, 128.65, 118.34, 103.96]


def test_vix_close_equals_freds_copy_on_every_shared_session(warehouse, real_data: Path):
    """The native Cboe file reaches 2025-05-21; later days of the folder come from another copy and are not Cboe's."""
    with (real_data / "cboe" / "VIX_History_2025-05-21.csv").open() as lines:
        native = {datetime.strptime(row["DATE"], "%m/%d/%Y").date() for row in csv.DictReader(lines)}
    rows = warehouse.execute(
        """
        with newest as (
            select provider, period_date, arg_max(value, known_at) as value
            from (select * from cboe.observations union all select * from fred.observations)
            where series_id = 'vix_close' group by all
        )
        select period_date, c.value, f.value
        from newest c join newest f using (period_date) join calendar.sessions s on s.session_date = period_date
        where c.provider = 'cboe' and f.provider = 'fred' and c.value is not null and f.value is not null
        """
    ).fetchall()
    shared = [row for row in rows if row[0] in native]
    assert len(shared) > 8_800
    assert [row for row in shared if abs(row[1] - row[2]) > 0.005] == []


def test_a_vix_on_which_cboe_and_fred_differ_is_nobodys(published):
    """2026-02-06: 20.37 in the copy of Cboe's file, 17.76 at FRED, both known on Monday morning."""
    assert published.execute(
        "select vix_index, vix_band from marts.volatility_daily where session_date = '2026-02-06'"
    ).fetchone() == (None, None)
    known, why = published.execute(
        "select vix_index, unknown_reasons from marts.market_known_daily where session_date = '2026-02-06'"
    ).fetchone()
    assert known is None
    assert "vix_close: providers differ on 2026-02-06" in why
    state = "select volatility_state, volatility_reason from marts.regime_daily where session_date = '2026-02-06'"
    assert published.execute(state).fetchone() == ("unknown", "disputed")
    prints = "select value from marts.observations where series_id = 'vix_close' and period_date = '2026-02-06'"
    assert sorted(published.execute(prints).fetchall()) == [(17.76,), (20.37,)]
    as_of = "select vix_index from marts.volatility_daily_as_of(timestamp '{}') where session_date = '2026-02-06'"
    assert published.execute(as_of.format("2026-02-08 08:00:00")).fetchone() == (20.37,)
    assert published.execute(as_of.format("2026-02-08 08:15:00")).fetchone() == (None,)
    disputed = "select distinct series_id, period_date from marts.disagreements order by all"
    assert published.execute(disputed).fetchall() == [
        ("sp500_close", date(2021, 8, 11)),
        ("vix_close", date(2026, 2, 6)),
    ]


def test_a_yield_change_over_a_closure_of_the_exchange_counts(published):
    """From 4.84 on 2001-09-10 to 4.63 on the next session: without it the volatility of 09-17 had too few changes."""
    row = published.execute(
        "select us_10y_pct, us_10y_realised_vol_21d_bp from marts.rates_volatility_daily"
        " where session_date in ('2001-09-10', '2001-09-17') order by session_date"
    ).fetchall()
    assert [yields for yields, _ in row] == [4.84, 4.63]
    assert row[1][1] > row[0][1]


def test_changes_of_japanese_yields_start_from_days_of_tokyo(published):
    """1.355 on 2001-11-30 less 1.335 on 11-22, Thanksgiving; January 1990 starts from the last days of 1989."""
    rows = published.execute(
        "select session_date, jp_10y_change_5d_bp from marts.rates_volatility_daily"
        " where session_date in ('1990-01-09', '1990-01-10', '1990-11-30', '2001-11-30') order by 1"
    ).fetchall()
    assert [change for _, change in rows] == [34.9, 39.9, -8.6, 2.0]


def test_put_call_equals_the_real_page(published, real_data: Path):
    page = (real_data / "cboe" / "daily_market_statistics_2020-06-15.html").read_text()
    printed = dict(re.findall(r'\\"name\\":\\"([A-Z ]+PUT/CALL RATIO)\\",\\"value\\":\\"([0-9.]+)\\"', page))
    row = published.execute(
        "select put_call_total_ratio, put_call_equity_ratio, put_call_index_ratio from marts.options_sentiment_daily"
        " where session_date = '2020-06-15'"
    ).fetchone()
    assert (printed["TOTAL PUT/CALL RATIO"], printed["EQUITY PUT/CALL RATIO"]) == ("0.88", "0.51")
    assert row == (0.88, 0.51, None), "the index cell of the scraped file (4.22) is corrupt and must not be shown"


def test_known_bad_put_call_cells_are_quarantined(warehouse):
    counts = dict(
        warehouse.execute(
            "select group_name, count(distinct period_date) from quarantine.refused_rows"
            " where table_id like '%.observations' and (row_json->>'value')::double in (11.0, 4.22) group by all"
        ).fetchall()
    )
    landed = warehouse.execute(
        "select count(*) from cboe.observations"
        " where series_id like 'put_call_%_ratio'"
        " and split_part(series_id, '_', 3) in ('total', 'equity', 'index', 'etp')"
        " and (value = 11.0 or (series_id = 'put_call_index_ratio' and value = 4.22))"
    ).fetchone()
    assert landed == (0,)
    # Counted in the scraped file up to the clock of the real run, 2026-04-24 being its last session.
    assert counts["put_call_total_ratio"] == 12
    assert counts["put_call_equity_ratio"] == 2
    assert counts["put_call_etp_ratio"] >= 30
    assert counts["put_call_index_ratio"] >= 70


def test_point_in_time_example(published):
    """Session 2026-02-05, known at 09:15 on the 6th."""
    row = published.execute(
        "select round(net_liquidity_known_usd_bn * 1000), fed_total_assets_usd_bn, fed_total_assets_obs_date,"
        " tga_usd_bn, tga_obs_date, on_rrp_usd_bn, on_rrp_obs_date, cutoff_at"
        " from marts.market_known_daily where session_date = '2026-02-05'"
    ).fetchone()
    assert row == (
        5_696_424,
        6_605.909,
        date(2026, 2, 4),
        907.737,
        date(2026, 2, 4),
        1.748,
        date(2026, 2, 5),
        datetime(2026, 2, 6, 14, 15),
    )


def test_session_before_the_release_still_sees_the_week_before(published):
    row = published.execute(
        "select fed_total_assets_usd_bn, fed_total_assets_obs_date from marts.market_known_daily"
        " where session_date = '2026-02-04'"
    ).fetchone()
    assert row == (6_587.568, date(2026, 1, 28)), "on the morning of 5 February the 4th's balance sheet was not out"


def test_history_before_the_cut_comes_from_the_user_file(published):
    providers = dict(
        published.execute(
            "select provider, min(period_date) from marts.observations where series_id = 'hy_oas' group by all"
        ).fetchall()
    )
    assert providers["user_file"] == date(1996, 12, 31)
    assert providers["fred"] >= date(2023, 4, 1)
    assert published.execute(
        "select hy_oas_bp from marts.credit_daily where session_date = '2008-12-15'"
    ).fetchone() == (2182.0,)


def test_real_build_keeps_the_published_contract(real_home: Path, real_data: Path):
    import subprocess
    import sys

    checker = real_data.parent / "accept" / "published_file.py"
    if not checker.exists():
        pytest.skip(f"{checker.name} is not beside the real data")
    ran = subprocess.run(
        [sys.executable, str(checker), str(real_home / "published" / "tidegauge.duckdb"), "spine"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
