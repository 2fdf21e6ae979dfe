"""A home with a small published file for copies of it: restricted figures in every place, and values of every kind."""

from __future__ import annotations

import json

import duckdb

from ingest.home import Home

SPREADS = (316.25, 418.5, 527.75)
"""Figures of the restricted series: nothing else in the file has them."""
MOVES = (65.94, 71.03, 98.76)
ODD_TEXTS = ("", None, "=1+1", 'a "quoted", one', "two\nlines", "\\N", "\\.", "tab\tand ünïcode", "@cmd", "-3 %")


def publish_release(home: Home, build: str = "b1", *, generation: int = 1, adds_column: bool = False) -> None:
    """Write the published file of `home`; every table of it says which `generation` it is."""
    home.published.parent.mkdir(parents=True, exist_ok=True)
    waiting = home.published.with_suffix(".tmp")
    with duckdb.connect(str(waiting), config={"storage_compatibility_version": "v1.0.0"}) as con:
        _fill(con, build, generation)
        if adds_column:
            con.execute("alter table marts.odd_values add column later_ratio double default 0.5")
    waiting.replace(home.published)


def _fill(con: duckdb.DuckDBPyConnection, build: str, generation: int) -> None:
    con.execute(
        f"""
        create schema marts; create schema meta; create schema claims;
        create table claims.facts as from (values
            ('a_spread', {SPREADS[1]}::double, 'select max(value) from newest where series_id = ''hy_oas'''),
            ('a_rate', 4.33, 'select max(value) from newest where series_id = ''effr''')
        ) as t(fact_id, known_now_number, evidence_sql);
        create table meta.build as select '{build}' as build_id, timestamp '2026-02-06 14:20:00.5' as built_at,
            'SIMULATED' as origin, true as is_simulated, date '2026-02-05' as data_through_date,
            {generation} as generation_count;
        create table marts.series as from (values
            ('hy_oas', 'bp', 'restricted', 'FRED BAMLH0A0HYM2'), ('move', 'index', 'restricted', 'yahoo ^MOVE'),
            ('pboc_assets', 'cny_bn', 'restricted', 'TRESEGCNM052N'), ('usdcny', 'rate', 'public_domain', 'DEXCHUS'),
            ('vix_close', 'index', 'personal_use', 'VIX'), ('effr', 'pct', 'attribution', 'EFFR')
        ) as t(series_id, unit, licence, provider_codes);
        create table marts.sessions as select (date '2026-02-02' + i::int)::date as session_date from range(3) as t(i);
        create table marts.observations as from (values
            ('hy_oas', date '2026-02-02', {SPREADS[0]}::double), ('hy_oas', date '2026-02-03', {SPREADS[1]}),
            ('move', date '2026-02-02', {MOVES[0]}), ('effr', date '2026-02-02', 4.33),
            ('effr', date '2026-02-03', null)
        ) as t(series_id, period_date, value);
        create table marts.credit_daily as select session_date, v as hy_oas_bp, v - 300 as hy_oas_change_21d_bp,
            session_date::timestamp + interval 15 hours as known_at, {generation} as generation_count
        from (select session_date, list_value{SPREADS!r}[row_number() over (order by session_date)]::double as v
            from marts.sessions);
        create table marts.market_daily as select session_date, hy_oas_bp, hy_oas_bp / 100 as hy_oas_pct,
            {MOVES[1]}::double as move_index, 7.2 as usdcny_rate, {generation} as generation_count
        from marts.credit_daily;
        create table marts.banks_weekly as select date '2026-02-04' as week_date, 46123.4::double as pboc_assets_number,
            6401.5 as pboc_assets_usd_bn, 13900.25 as two_banks_usd_bn, 1.5 as pboc_yoy_pct;
        create table marts.regime_daily (session_date date, explain_text varchar, inputs_json varchar, core_score int);
        create table marts.regime_known_episodes as from (values
            ('2020', 'HY maximum', 'maximum of hy_oas_bp 400 to 500', {SPREADS[2]}::double),
            ('2020', 'core score', 'maximum of core_score_raw 9 to 12', 9)
        ) as t(episode, aspect, expected_text, value);
        create table marts.odd_values (row_number integer, note_text varchar, big_count hugeint, small_count tinyint,
            unsigned_count ubigint, value_ratio double, half_ratio float, price_usd decimal(18, 4), is_odd boolean,
            seen_date date, seen_at timestamp, zoned_at timestamptz);
        create table meta.quality as from (values
            ('gate', 'hy_oas: {SPREADS[1]} above 400', 1), ('gate', 'effr: 2 rows', 2)
        ) as t(stage, detail, failed_count);
        create table meta.regime_ledger (session_date date, row_json varchar);
        create table meta.keys as from (values ('series', 1, 'series_id'), ('sessions', 1, 'session_date'),
            ('observations', 1, 'series_id'), ('observations', 2, 'period_date'), ('credit_daily', 1, 'session_date'),
            ('market_daily', 1, 'session_date'), ('odd_values', 1, 'row_number'), ('regime_daily', 1, 'session_date')
        ) as t(mart, key_position, column_name);
        create table meta.lineage as from (values
            ('marts.credit_daily', 'hy_oas_bp', null, 'marts.observations', 'value', 'hy_oas', 'copy'),
            ('marts.credit_daily', 'hy_oas_change_21d_bp', null, 'marts.observations', 'value', 'hy_oas', 'part'),
            ('marts.credit_daily', 'known_at', null, 'marts.observations', 'value', 'hy_oas', 'copy'),
            ('marts.market_daily', 'hy_oas_bp', null, 'marts.credit_daily', 'hy_oas_bp', null, 'copy'),
            ('marts.market_daily', 'hy_oas_pct', 'hy_oas_bp / 100', 'marts.credit_daily', 'hy_oas_bp', null, 'copy'),
            ('marts.market_daily', 'move_index', null, 'marts.observations', 'value', 'move', 'copy'),
            ('marts.banks_weekly', 'pboc_assets_number', null, 'marts.observations', 'value', 'pboc_assets', 'copy'),
            ('marts.banks_weekly', 'pboc_assets_usd_bn', null, 'marts.observations', 'value', 'pboc_assets', 'scaled'),
            ('marts.banks_weekly', 'pboc_assets_usd_bn', null, 'marts.observations', 'value', 'usdcny', 'scaled'),
            ('marts.banks_weekly', 'two_banks_usd_bn', null, 'marts.observations', 'value', 'pboc_assets', 'part'),
            ('marts.banks_weekly', 'pboc_yoy_pct', null, 'marts.observations', 'value', 'pboc_assets', 'scaled')
        ) as t(table_path, column_name, formula_text, input_path, input_column, input_series_id, input_use);
        comment on table marts.credit_daily is 'SIMULATED. Spreads. It''s one row per session.';
        comment on column marts.credit_daily.hy_oas_change_21d_bp is 'Basis points; a \\ and a ''quote''';
        """
    )
    inputs = json.dumps(
        {
            "credit": {
                "hy_oas_bp": {"value": SPREADS[1], "obs_date": "2026-02-03"},
                "hy_oas_change_21d_bp": {"value": 12.0},
            },
            "days": [{"move_index": MOVES[2], "vix_index": 15.4}],
        }
    )
    said = f"CALM: the high-yield spread {SPREADS[1]:.0f} bp (+12 in 21 sessions), MOVE {MOVES[2]:.1f}, VIX 15.4."
    con.execute("insert into marts.regime_daily values (date '2026-02-03', ?, ?, 2)", [said, inputs])
    row = json.dumps({"explain_text": said, "inputs_json": inputs})
    con.execute("insert into meta.regime_ledger values (date '2026-02-03', ?)", [row])
    for place, note in enumerate(ODD_TEXTS):
        con.execute(
            "insert into marts.odd_values values (?, ?, ?, ?, ?, ?, ?, ?, ?, date '1999-12-31' + ?::int,"
            " timestamp '2026-02-06 14:20:00.123456', timestamptz '2026-02-06 09:20:00-05')",
            [
                *(place, note, 10**30 + place, -place, 2**64 - 1),
                *(
                    (0.1, float("nan"), float("inf"), float("-inf"), -0.0, 1e-300, 12345678.9, None, 5e-324, 1.5)[
                        place
                    ],
                    0.1,
                ),
                *(None if place == 3 else -12.3450, place % 2 == 0, place),
            ],
        )
