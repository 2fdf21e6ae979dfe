{#- Everything that happened on a session, one wide row. What it is joined from, by alias: a daily mart, and which of its
    rows where a session has several. -#}
{%- set parts = {
    'nl': (ref('net_liquidity_daily'), none),
    'f': (ref('funding_daily'), none),
    'r': (ref('rates_volatility_daily'), none),
    'c': (ref('carry_daily'), none),
    'cr': (ref('credit_daily'), none),
    'v': (ref('volatility_daily'), none),
    'o': (ref('options_sentiment_daily'), none),
    'b': (ref('breadth_daily'), "b.universe = 'SPX'"),
    'k': (ref('concentration_daily'), "k.fund_ticker = 'SPY'"),
    'ef': (ref('etf_category_flows_daily'), "ef.category = 'all_equity'"),
    'bf': (ref('etf_category_flows_daily'), "bf.category = 'all_bonds'"),
    'le': ('leveraged', none),
    'sr': (ref('sector_ratio_daily'), none),
    'tr': (ref('trend_levels_daily'), "tr.index_id = 'SPX'"),
    'xa': (ref('cross_asset_daily'), "xa.asset = 'SPX'"),
    'lc': (ref('liquidity_conditions_daily'), none),
    'cp': (ref('credit_proxies_daily'), none),
} -%}
with index_prices as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'sp500_open': 'sp500_open', 'sp500_high': 'sp500_high', 'sp500_low': 'sp500_low', 'sp500_close': 'sp500_close',
        'nasdaq100_close': 'nasdaq100', 'dow_jones_close': 'dow_jones', 'russell2000_close': 'russell2000'
    }) }}
),
-- exposure may be added over long and inverse funds, dollars may not. A fund without a figure leaves its sum NULL; one that
-- reports for the first time had nothing to rebalance
leveraged as (
    select
        session_date,
        -- sums of doubles depend on their order: unrounded, an unchanged day would look changed
        case when count(net_assets_usd_mn) = count(*) then round(sum(net_assets_usd_mn), 6) end as net_assets,
        case
            when count(rebalance_demand_usd_mn) = count(*) filter (where net_assets_before_usd_mn is not null)
                then round(sum(rebalance_demand_usd_mn), 6)
        end as rebalance_demand
    from {{ ref('leveraged_etf_daily') }}
    group by session_date
),
spine as (
    select session_date, session_seq from {{ ref('sessions') }}
    where session_date >= least(
        {%- for relation, rows in parts.values() %}
        (select min(session_date) from {{ relation }}),
        {%- endfor %}
        (select min(session_date) from index_prices)
    )
)
select
    s.session_date,
    p.sp500_open as sp500_open_index,
    p.sp500_high as sp500_high_index,
    p.sp500_low as sp500_low_index,
    p.sp500_close as sp500_close_index,
    round(
        100 * (p.sp500_close / {{ base_before('p.sp500_close', 1, seq='s.session_seq', day='s.session_date') }} - 1), 6
    ) as sp500_return_1d_pct,
    p.nasdaq100 as nasdaq100_close_index,
    p.dow_jones as dow_jones_close_index,
    p.russell2000 as russell2000_close_index,
    nl.net_liquidity_usd_bn,
    nl.net_liquidity_change_5d_usd_bn,
    nl.net_liquidity_mixed_days,
    nl.fed_total_assets_usd_bn,
    nl.fed_total_assets_obs_date,
    nl.tga_usd_bn,
    nl.tga_obs_date,
    nl.on_rrp_usd_bn,
    nl.on_rrp_obs_date,
    f.sofr_pct,
    f.sofr_99th_percentile_pct,
    f.sofr_volume_usd_bn,
    f.effr_pct,
    f.iorb_pct,
    f.sofr_iorb_bp,
    f.sofr_99th_sofr_bp,
    f.effr_iorb_bp,
    f.ted_spread_bp,
    f.is_calendar_day,
    r.move_index,
    r.move_change_5d_index,
    r.us_3m_pct,
    r.us_10y_pct,
    r.us_30y_pct,
    r.us_10y_2y_bp,
    r.us_10y_realised_vol_21d_bp,
    r.jp_10y_pct,
    r.jp_10y_obs_date,
    r.jp_30y_pct,
    r.jp_30y_obs_date,
    c.us_2y_pct,
    c.us_2y_obs_date,
    c.jp_2y_pct,
    c.jp_2y_obs_date,
    c.carry_2y_bp,
    c.carry_2y_change_21d_bp,
    c.usdjpy_rate,
    c.usdjpy_return_10d_ratio,
    c.usdjpy_vol_21d_pct,
    c.carry_to_risk_ratio,
    c.broad_dollar_index,
    cr.hy_oas_bp,
    cr.hy_oas_change_21d_bp,
    cr.ig_oas_bp,
    cr.ccc_oas_bp,
    cr.ccc_yield_pct,
    cr.baa_10y_bp,
    v.vix_open_index,
    v.vix_high_index,
    v.vix_low_index,
    v.vix_index,
    v.vix_band,
    v.vvix_index,
    v.vvix_above_110_streak_count,
    v.is_vix_reset,
    v.is_vix_creep,
    v.vix9d_index,
    v.vix3m_index,
    v.vix6m_index,
    v.vix_vix3m_ratio,
    v.is_term_inverted,
    v.skew_index,
    v.is_vix_complacent,
    v.vxn_index,
    v.rvx_index,
    v.ovx_index,
    v.gvz_index,
    v.cor1m_index,
    v.dspx_index,
    o.put_call_total_ratio,
    o.put_call_total_5d_mean_ratio,
    o.put_call_equity_ratio,
    o.put_call_index_ratio,
    b.advances_count as sp500_advances_count,
    b.declines_count as sp500_declines_count,
    b.advance_decline_line_count as sp500_advance_decline_line_count,
    b.mcclellan_oscillator_index as sp500_mcclellan_oscillator_index,
    b.is_zweig_thrust as is_sp500_zweig_thrust,
    b.new_highs_count as sp500_new_highs_count,
    b.new_lows_count as sp500_new_lows_count,
    b.above_50dma_pct as sp500_above_50dma_pct,
    b.above_200dma_pct as sp500_above_200dma_pct,
    b.up_volume_pct as sp500_up_volume_pct,
    b.is_adl_divergence as is_sp500_adl_divergence,
    b.rsp_spy_ratio,
    b.coverage_ratio as sp500_breadth_coverage_ratio,
    k.top10_weight_pct as sp500_top10_weight_pct,
    ef.flow_usd_mn as equity_etf_flow_usd_mn,
    ef.flow_5d_usd_mn as equity_etf_flow_5d_usd_mn,
    ef.flow_5d_zscore as equity_etf_flow_5d_zscore,
    bf.flow_usd_mn as bond_etf_flow_usd_mn,
    bf.flow_5d_usd_mn as bond_etf_flow_5d_usd_mn,
    bf.flow_5d_zscore as bond_etf_flow_5d_zscore,
    le.net_assets as leveraged_etf_net_assets_usd_mn,
    le.rebalance_demand as leveraged_etf_rebalance_demand_usd_mn,
    sr.defensive_cyclical_ratio,
    sr.iwm_spy_return_21d_pct,
    sr.iwm_spy_return_63d_pct,
    tr.position_ratio as sp500_trend_position_ratio,
    tr.signals_positive_count as sp500_trend_signals_positive_count,
    xa.drawdowns_count as cross_asset_drawdowns_count,
    xa.assets_count as cross_asset_assets_count,
    lc.spy_amihud_21d_bp_per_usd_bn,
    lc.spy_corwin_schultz_21d_bp,
    cp.hyg_ief_ratio,
    cp.is_credit_equity_divergence,
    '{{ var('origin') }}' as data_origin
from spine as s
left join index_prices as p on s.session_date = p.session_date
{%- for alias, (relation, rows) in parts.items() %}
left join {{ relation }} as {{ alias }} on s.session_date = {{ alias }}.session_date{{ ' and ' ~ rows if rows }}
{%- endfor %}
