{#- Breadth of each universe on each session. Counts are facts about whoever was priced; a
    statement about the universe needs 95 % of it priced (breadth_coverage_gate_ratio), and is NULL with a reason below.
    The advance-decline line is then carried, and flagged. McClellan and Zweig fold over the sessions and come from
    analytics/breadth/market.py, by the same gate. Prices of a session come in for some hours after it: so long one that
    lacks them is "not yet" covered, and what it lacks then is settled. -#}
{%- set gate = var('breadth_coverage_gate_ratio') %}
with covered as (
    select
        c.*,
        s.session_seq,
        -- closes are printed in the evening; what is not there twelve hours after the bell is missing
        s.close_at + interval 12 hours as due_at,
        c.priced_count / nullif(c.members_count, 0) as coverage,
        -- nobody priced is nothing to count, however low the gate
        c.priced_count > 0 and c.priced_count / nullif(c.members_count, 0) >= {{ gate }} as is_covered
    from {{ source('breadth', 'daily_counts') }} as c
    inner join {{ ref('sessions') }} as s on c.session_date = s.session_date
),
counted as (
    select
        universe,
        universe_basis,
        session_date,
        session_seq,
        known_at,
        case
            when not coalesce(is_covered, false) and due_at <= {{ run_at() }} then greatest(settled_at, due_at)
            else settled_at
        end as settled_at,
        members_count,
        priced_count,
        coverage,
        coalesce(is_covered, false) as is_covered,
        case
            when members_count = 0 then 'no members'
            when not coalesce(is_covered, false) and due_at > {{ run_at() }} then 'not yet'
            when not coalesce(is_covered, false) then 'coverage'
        end as reason,
        {%- for name in [
            'advances_count', 'declines_count', 'unchanged_count', 'high_low_eligible_count', 'new_highs_count',
            'new_lows_count', 'average_50dma_count', 'above_50dma_count', 'average_200dma_count', 'above_200dma_count',
            'movers_with_volume_count', 'return_dispersion_ratio'
        ] %}
        case when is_covered then {{ name }} end as {{ name }},
        {%- endfor %}
        -- a volume measure needs the volumes of those who moved
        case when is_covered and movers_with_volume_count >= {{ gate }} * (advances_count + declines_count)
            then up_volume_shares end as up_volume_shares,
        case when is_covered and movers_with_volume_count >= {{ gate }} * (advances_count + declines_count)
            then down_volume_shares end as down_volume_shares
    from covered
),
lined as (
    select
        * exclude (settled_at),
        advances_count - declines_count as net_advances,
        sum(coalesce(advances_count - declines_count, 0)) over by_session as advance_decline_line,
        max(greatest(known_at, settled_at)) over by_session as settled_at
    from counted
    window by_session as (partition by universe order by session_seq)
),
index_level as (
    select
        s.session_date,
        max(o.known_at) over (order by s.session_seq) as settled_at,
        -- as for a stock: 252 sessions since the first close, of which 240 have one
        case
            when count(o.value) over last_252 >= 240
                and s.session_seq - 251 >= min(case when o.value is not null then s.session_seq end) over (
                    order by s.session_seq
                )
                then o.value >= max(o.value) over last_252
        end as is_high_252d,
        o.value / lag(o.value) over (order by s.session_seq) - 1 as sp500_return
    from {{ ref('sessions') }} as s
    left join (
        select period_date, value, known_at from {{ ref('int_observations_latest') }} where series_id = 'sp500_close'
    ) as o on s.session_date = o.period_date
    window last_252 as (order by s.session_seq rows between 251 preceding and current row)
),
equal_weight as (
    select
        session_date,
        ratio,
        max(settled_at) over (order by session_date) as settled_at,
        ratio / max(ratio) over (order by session_date) - 1 as drawdown,
        case when count(ratio) over last_63 = 63
            then (ratio - avg(ratio) over last_63) / nullif(stddev_samp(ratio) over last_63, 0) end as zscore
    from (
        select
            e.session_date,
            e.close_split_adjusted_usd / nullif(c.close_split_adjusted_usd, 0) as ratio,
            greatest(e.known_at, c.known_at, e.basis_known_at, c.basis_known_at) as settled_at
        from {{ ref('prices_daily') }} as e
        inner join {{ ref('prices_daily') }} as c on e.session_date = c.session_date and c.ticker = 'SPY'
        where e.ticker = 'RSP'
    )
    window last_63 as (order by session_date rows between 62 preceding and current row)
),
looked_back as (
    select
        l.*,
        count(*) over last_252 as sessions_252,
        l.advance_decline_line < max(l.advance_decline_line) over last_252 as is_line_below_high,
        max(l.advance_decline_line) over last_63 as line_high_63d,
        max(l.advance_decline_line) over last_22 as line_high_22d
    from lined as l
    window
        last_252 as (partition by universe order by session_seq rows between 251 preceding and current row),
        last_63 as (partition by universe order by session_seq rows between 62 preceding and current row),
        last_22 as (partition by universe order by session_seq rows between 21 preceding and current row)
),
lagging as (
    select
        *,
        case when sessions_252 = 252 and count(*) filter (where sessions_252 = 252) over last_15 = 15
            then count(*) filter (where is_line_below_high) over last_15 end as below_high_15d
    from looked_back
    window last_15 as (partition by universe order by session_seq rows between 14 preceding and current row)
)
select
    b.session_date,
    b.universe,
    b.universe_basis,
    b.members_count,
    b.priced_count,
    round(b.coverage, 6) as coverage_ratio,
    b.is_covered,
    b.reason as reason_text,
    b.advances_count,
    b.declines_count,
    b.unchanged_count,
    b.net_advances as net_advances_count,
    b.advance_decline_line::bigint as advance_decline_line_count,
    b.net_advances is null as is_advance_decline_line_carried,
    round(100.0 * b.advances_count / b.priced_count, 6) as advances_pct,
    round(b.advances_count / nullif(b.advances_count + b.declines_count, 0), 6) as advance_share_ratio,
    round(1000.0 * b.net_advances / nullif(b.advances_count + b.declines_count, 0), 6) as ratio_adjusted_net_advances_index,
    round(case when b.is_covered then m.mcclellan_oscillator_index end, 6) as mcclellan_oscillator_index,
    round(case when b.is_covered then m.mcclellan_summation_index end, 6) as mcclellan_summation_index,
    round(case when b.is_covered then m.zweig_average_ratio end, 6) as zweig_average_ratio,
    case when b.is_covered then m.is_zweig_thrust end as is_zweig_thrust,
    b.high_low_eligible_count,
    b.new_highs_count,
    b.new_lows_count,
    b.new_highs_count - b.new_lows_count as net_new_highs_count,
    round(b.new_highs_count / nullif(b.new_highs_count + b.new_lows_count, 0), 6) as new_highs_share_ratio,
    round(100.0 * b.new_lows_count / nullif(b.high_low_eligible_count, 0), 6) as new_lows_pct,
    round(100.0 * b.above_50dma_count / nullif(b.average_50dma_count, 0), 6) as above_50dma_pct,
    round(100.0 * b.above_200dma_count / nullif(b.average_200dma_count, 0), 6) as above_200dma_pct,
    b.up_volume_shares,
    b.down_volume_shares,
    round(100.0 * b.up_volume_shares / nullif(b.up_volume_shares + b.down_volume_shares, 0), 6) as up_volume_pct,
    round(100.0 * b.up_volume_shares / nullif(b.up_volume_shares + b.down_volume_shares, 0), 6) >= 90
        as is_90pct_up_volume,
    round(100.0 * b.up_volume_shares / nullif(b.up_volume_shares + b.down_volume_shares, 0), 6) <= 10
        as is_90pct_down_volume,
    round(
        b.advances_count / nullif(b.declines_count, 0)
        / nullif(b.up_volume_shares / nullif(b.down_volume_shares, 0), 0), 6
    ) as trin_ratio,
    round(100.0 * b.return_dispersion_ratio, 6) as return_dispersion_pct,
    case when b.universe = 'SPX'
        then round(100.0 * (b.return_dispersion_ratio - abs(i.sp500_return)), 6) end as excess_dispersion_pct,
    case when b.universe = 'SPX' and b.is_covered
        then i.is_high_252d and b.below_high_15d >= 10 and b.line_high_22d < b.line_high_63d end as is_adl_divergence,
    case when b.universe = 'SPX' then round(e.ratio, 8) end as rsp_spy_ratio,
    case when b.universe = 'SPX' then round(e.zscore, 6) end as rsp_spy_63d_zscore,
    case when b.universe = 'SPX' then round(100 * e.drawdown, 6) end as rsp_spy_drawdown_pct,
    b.known_at,
    greatest(
        b.settled_at,
        case when b.universe = 'SPX' then i.settled_at end,
        case when b.universe = 'SPX' then e.settled_at end
    ) as settled_at
from lagging as b
left join {{ source('breadth', 'market') }} as m on b.universe = m.universe and b.session_date = m.session_date
left join index_level as i on b.session_date = i.session_date
left join equal_weight as e on b.session_date = e.session_date
