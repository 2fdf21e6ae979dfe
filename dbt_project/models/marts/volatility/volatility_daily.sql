{#- Equity volatility on each session, with that of other markets. A session without a value is NULL
    and breaks streaks. -#}
with closes as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'vix_open': 'vix_open', 'vix_high': 'vix_high', 'vix_low': 'vix_low', 'vix_close': 'vix',
        'vix9d_close': 'vix9d', 'vix3m_close': 'vix3m', 'vix6m_close': 'vix6m', 'vvix_close': 'vvix',
        'skew_close': 'skew', 'vxn_close': 'vxn', 'rvx_close': 'rvx', 'ovx_close': 'ovx', 'gvz_close': 'gvz',
        'cor1m_close': 'cor1m', 'dspx_close': 'dspx', 'sp500_close': 'sp500'
    }) }}
),
marked as (
    select
        *,
        {{ vvix_above_110_streak('vvix') }} as streak,
        -- the latch: armed above 35, disarmed below 25, unmoved between
        case when vix > 35 then true when vix < 25 then false end as armed_now
    from closes
),
folded as (
    select
        *,
        last_value(armed_now ignore nulls) over (
            order by session_seq rows between unbounded preceding and 1 preceding
        ) as armed_before,
        vix - {{ base_before('vix', 5) }} as vix_change_5d,
        sp500 / {{ base_before('sp500', 5) }} - 1 as sp500_return_5d,
        case
            when count(vix) over last_60 >= 57
                then 100.0 * count(*) filter (where round(vix, 2) between 12 and 15) over last_60 / count(vix) over last_60
        end as share_12_15_60d,
        sp500 / {{ base_before('sp500', 60) }} - 1 as sp500_return_60d,
        case when count(vix_high) over last_5 = 5 then max(vix_high) over last_5 end as high_5d,
        case when count(vix_high) over five_before = 5 then max(vix_high) over five_before end as high_5d_before
    from marked
    window
        last_60 as (order by session_seq rows between 59 preceding and current row),
        last_5 as (order by session_seq rows between 4 preceding and current row),
        five_before as (order by session_seq rows between 9 preceding and 5 preceding)
),
ruled as (
    select
        *,
        round(vix_change_5d, 2) >= 1.0 and high_5d > high_5d_before and vix < 22 as is_creep_in_vix
    from folded
)
select
    session_date,
    vix_open as vix_open_index,
    vix_high as vix_high_index,
    vix_low as vix_low_index,
    vix as vix_index,
    vix_known_at,
    case
        when round(vix, 2) < 12 then 'complacent'
        when round(vix, 2) < 15 then 'calm'
        when round(vix, 2) < 25 then 'normal'
        when round(vix, 2) < 35 then 'fear'
        when round(vix, 2) < 50 then 'panic'
        when vix is not null then 'crisis'
    end as vix_band,
    vvix as vvix_index,
    vvix_known_at,
    streak::bigint as vvix_above_110_streak_count,
    streak >= 5 as is_vvix_tail_bid,
    case when vix is not null then vix < 25 and coalesce(armed_before, false) end as is_vix_reset,
    is_creep_in_vix and sp500_return_5d >= 0 as is_vix_creep,
    is_creep_in_vix as is_vix_creep_any_market,
    round(share_12_15_60d, 6) as vix_12_15_60d_pct,
    round(share_12_15_60d, 6) >= 80 and sp500_return_60d > 0 as is_vix_complacent,
    vix9d as vix9d_index,
    vix9d_known_at,
    vix3m as vix3m_index,
    vix3m_known_at,
    vix6m as vix6m_index,
    vix6m_known_at,
    {{ vix_vix3m('vix', 'vix3m') }} as vix_vix3m_ratio,
    round(vix9d / vix, 6) as vix9d_vix_ratio,
    {{ vix_vix3m('vix', 'vix3m') }} > 1 as is_term_inverted,
    skew as skew_index,
    skew_known_at,
    vxn as vxn_index,
    vxn_known_at,
    rvx as rvx_index,
    rvx_known_at,
    ovx as ovx_index,
    ovx_known_at,
    gvz as gvz_index,
    gvz_known_at,
    cor1m as cor1m_index,
    cor1m_known_at,
    dspx as dspx_index,
    dspx_known_at,
    sp500 as sp500_close_index,
    sp500_known_at as sp500_close_known_at
from ruled
