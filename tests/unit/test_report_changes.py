"""What changed since the session before, by hand: states, legs of net liquidity, revisions, what became known."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from serving.report.changes import Changes, changes
from serving.report.morning import COMPOSITES, DIMENSIONS, dimensions
from serving.report.rendering import rendered

BEFORE, NOW = datetime(2026, 2, 5, 14, 15), datetime(2026, 2, 6, 14, 15)


def row(session: str, cutoff: datetime, vix: float | None, **told: Any) -> dict[str, Any]:
    entry = {"value": vix, "obs_date": session} if vix is not None else {"reason": "stale", "last_used_date": session}
    states = {f"{name}_{part}": None for name in DIMENSIONS for part in ("points", "reason", "quality")}
    return {
        "session_date": date.fromisoformat(session),
        "cutoff_at": cutoff,
        "regime_class": "CALM",
        "core_score": 0,
        **{f"{name}_state": "neutral" for name in (*DIMENSIONS, *COMPOSITES)},
        **states,
        "inputs": {"volatility": {"vix_index": entry}},
        **told,
    }


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    """Net liquidity at two cut-offs: assets, TGA and ON RRP, each revised and two of them newer."""
    opened = duckdb.connect()
    opened.execute(
        """
        create schema marts; create schema meta;
        create table marts.known as from (values
            (timestamp '2026-02-05 14:15', date '2026-02-03', 5695.0, null::varchar, 6600.0, date '2026-01-28', 900.0,
                date '2026-02-02', 5.0, date '2026-02-03'),
            (timestamp '2026-02-05 14:15', date '2026-02-04', 5687.0, null, 6600.0, date '2026-01-28', 910.0,
                date '2026-02-03', 3.0, date '2026-02-04'),
            (timestamp '2026-02-06 14:15', date '2026-02-03', 5694.0, null, 6599.0, date '2026-01-28', 900.0,
                date '2026-02-03', 5.0, date '2026-02-03'),
            (timestamp '2026-02-06 14:15', date '2026-02-04', 5684.5, null, 6599.0, date '2026-01-28', 912.0,
                date '2026-02-04', 2.5, date '2026-02-04'),
            (timestamp '2026-02-06 14:15', date '2026-02-05', 5669.0, null, 6599.0, date '2026-01-28', 929.0,
                date '2026-02-05', 1.0, date '2026-02-05')
        ) as t(seen_at, session_date, net_liquidity_usd_bn, missing_reason, fed_total_assets_usd_bn,
            fed_total_assets_obs_date, tga_usd_bn, tga_obs_date, on_rrp_usd_bn, on_rrp_obs_date);
        create macro marts.net_liquidity_daily_as_of(ts) as table from marts.known where seen_at = ts;
        """
    )
    return opened


def told(con: duckdb.DuckDBPyConnection, **newest: Any) -> Changes:
    found = changes(con, [row("2026-02-05", NOW, 20.0, **newest), row("2026-02-04", BEFORE, 21.5)])
    assert found is not None
    return found


def test_a_change_of_net_liquidity_is_the_sum_of_what_was_revised_and_what_became_known(con):
    net = told(con).net_liquidity
    assert net is not None
    assert (net.before, net.now, net.change, net.reason) == (5687.0, 5669.0, -18.0, None)
    assets, tga, rrp = net.legs
    assert (assets.effect, assets.revised, assets.newly_known) == (-1.0, -1.0, 0.0), "the same Wednesday, less by one"
    assert (tga.effect, tga.revised, tga.newly_known) == (-19.0, 10.0, -29.0), "02-03 went from 910 to 900, then 929"
    assert (rrp.effect, rrp.revised, rrp.newly_known) == (2.0, 0.5, 1.5), "02-04 went from 3 to 2.5, then 1"
    assert (net.revised, net.newly_known) == (9.5, -27.5)
    assert net.change == sum(leg.effect or 0 for leg in net.legs)


def test_an_unknown_leg_leaves_the_change_unknown_with_its_reason(con):
    con.execute(
        "update marts.known set tga_usd_bn = null, tga_obs_date = null, net_liquidity_usd_bn = null,"
        " missing_reason = 'tga_daily: none since 2026-01-28' where session_date = '2026-02-05'"
    )
    net = told(con).net_liquidity
    assert net is not None
    assert (net.change, net.revised, net.reason) == (None, 9.5, "tga_daily: none since 2026-01-28")
    assert (net.legs[1].effect, net.legs[1].newly_known) == (None, None)
    page = _page(told(con))
    assert "The change of net liquidity is unknown: tga_daily: none since 2026-01-28." in page


def _page(found: Changes) -> str:
    return rendered("changes.html", changes=found)


def test_states_that_are_others_are_named_and_nothing_else(con):
    found = told(con, credit_state="widening", core_score=None, regime_class="unknown")
    assert [(one.title, one.before, one.now) for one in found.moves] == [
        ("Core score", "0", "unknown"),
        ("Class", "CALM", "unknown"),
        ("Credit", "neutral", "widening"),
    ]
    assert "are as they were" in _page(told(con))


def test_revisions_and_new_periods_are_those_between_the_cut_offs(con):
    assert (told(con).revised, told(con).known) == ([], []), "a file without observations has none"
    con.execute(
        """
        create table meta.freshness as from (values ('vix', 'cboe'), ('nfci', 'fred')) as t(series_id, provider);
        create table marts.series as from (values ('vix', 'VIX <close>', 'index'), ('nfci', 'NFCI', 'usd_bn'))
            as t(series_id, title, unit);
        create table marts.observations as
        select * replace (value::double as value), known_at as loaded_at, '' as payload_sha256,
            value is distinct from 99 as is_own_day
        from (values
            ('vix', 'cboe', date '2026-02-03', 21.0, timestamp '2026-02-04 02:00'),
            ('vix', 'cboe', date '2026-02-04', 21.5, timestamp '2026-02-05 02:00'),
            ('vix', 'cboe', date '2026-02-05', 20.0, timestamp '2026-02-06 02:00'),
            ('vix', 'fred', date '2026-02-05', 20.01, timestamp '2026-02-06 13:00'),
            ('vix', 'cboe', date '2026-02-06', 19.0, timestamp '2026-02-07 02:00'),
            ('vix', 'cboe', date '2026-02-07', 99.0, timestamp '2026-02-06 14:00'),
            ('nfci', 'fred', date '2026-01-23', -0.5, timestamp '2026-01-28 13:30'),
            ('nfci', 'fred', date '2026-01-30', -0.4, timestamp '2026-02-04 13:30'),
            ('nfci', 'fred', date '2026-01-23', -0.51, timestamp '2026-02-06 13:30'),
            ('nfci', 'fred', date '2026-01-30', null, timestamp '2026-02-06 13:30')
        ) as t(series_id, provider, period_date, value, known_at);
        """
    )
    found = told(con)
    (known,) = found.known
    assert (known["title"], known["period_date"], known["now"], known["before"]) == (
        *("VIX <close>", date(2026, 2, 5)),
        *(20.0, 21.5),
    ), "not the other provider's, nor of a day that does not count, nor what came after the cut-off"
    (revised,) = found.revised
    assert (revised["periods_count"], revised["period_date"], revised["before"], revised["now"]) == (
        *(2, date(2026, 1, 30)),
        *(-0.4, None),
    )
    page = _page(found)
    assert "VIX &lt;close&gt;" in page
    assert "withdrawn" in page
    assert "USD bn" in page


def test_one_session_alone_has_nothing_to_compare_with(con):
    assert changes(con, [row("2026-02-05", NOW, 20.0)]) is None
    assert changes(con, []) is None


def test_a_dimension_shows_the_figure_that_its_state_rests_on(con):
    past = [json.dumps(row("2026-02-04", BEFORE, 21.5)["inputs"]), json.dumps(row("2026-02-05", NOW, 20.0)["inputs"])]
    con.execute("create table marts.regime_daily (session_date date, inputs_json varchar)")
    con.executemany(
        "insert into marts.regime_daily values (?, ?)", [*zip(["2026-02-04", "2026-02-05"], past, strict=True)]
    )
    both = [row("2026-02-05", NOW, 20.0, volatility_state="calm"), row("2026-02-04", BEFORE, 21.5)]
    found = {one.title: one for one in dimensions(con, both)}
    vix = found["Volatility"]
    assert (vix.value, vix.unit, vix.change, vix.day, vix.age_days) == ("20.00", "index", "-1.50", date(2026, 2, 5), 1)
    assert (vix.state, vix.before) == ("calm", "neutral")
    assert vix.spark.count("<path") == 1
    gone = {one.title: one for one in dimensions(con, [row("2026-02-05", NOW, None), both[1]])}["Volatility"]
    assert (gone.value, gone.change, gone.reason) == (None, None, "stale, last value used of 2026-02-05")
