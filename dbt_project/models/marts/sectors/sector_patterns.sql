{#- The stop-fall pattern of sector funds, one row per event with what became of it, and whether the leader
    of its sector confirmed it while it was active. -#}
{%- set leaders = leader_levels() -%}
with bars as (
    {{ split_adjusted_bars(ref('prices_daily'), ref('sessions'), sector_tickers().keys() | list) }}
),
events as (
    {{ stop_fall_events('bars') }}
),
-- closes of the leaders on the split basis of the day on which the levels were stated
leader_closes as (
    {%- for one in leaders %}
    select
        '{{ one.fund }}' as fund,
        b.session_date,
        b.known_at,
        b.close_usd * arg_min(b.split_factor_ratio, b.session_date) filter (where b.session_date >= date '{{ one.stated }}') over (
            partition by b.ticker
        ) > {{ one.above }} as is_above,
        b.close_usd * arg_min(b.split_factor_ratio, b.session_date) filter (where b.session_date >= date '{{ one.stated }}') over (
            partition by b.ticker
        ) < {{ one.below }} as is_below
    from bars as b
    where b.ticker = '{{ one.leader }}' and b.session_date >= date '{{ one.stated }}'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
confirmed as (
    select
        e.ticker,
        e.event_date,
        min(l.session_date) filter (where l.is_above) as leader_confirmed_date,
        min(l.session_date) filter (where l.is_below) as leader_broken_date,
        arg_min(l.known_at, l.session_date) filter (where l.is_above) as confirmed_known_at,
        arg_min(l.known_at, l.session_date) filter (where l.is_below) as broken_known_at
    from events as e
    inner join leader_closes as l
        on e.ticker = l.fund and l.session_date >= e.event_date
        -- on the session that ends it the pattern is no longer active
        and l.session_date < coalesce(e.invalidated_date, e.expired_date, date '9999-12-31')
    where e.event_date >= date '{{ leaders | map(attribute="stated") | min }}'
    group by e.ticker, e.event_date
),
ends as (
    select e.ticker, e.event_date, max(b.known_at) as known_at
    from events as e
    inner join bars as b on e.ticker = b.ticker and b.session_date in (e.invalidated_date, e.below_low_date, e.expired_date)
    group by e.ticker, e.event_date
)
select
    e.ticker,
    e.event_date,
    e.cluster_id,
    e.anchor_date,
    round(e.close_usd, 8) as close_split_adjusted_usd,
    round(e.anchor_close, 8) as anchor_close_usd,
    round(e.anchor_low, 8) as anchor_low_usd,
    round(e.volume_ratio, 6) as volume_ratio,
    round(e.rsi_14, 6) as rsi_14d_index,
    round(100 * e.return_10d, 6) as return_10d_pct,
    e.state,
    e.invalidated_date,
    e.below_low_date,
    e.expired_date,
    e.state = 'expired' as is_expired,
    c.leader_confirmed_date,
    c.leader_broken_date,
    greatest(e.known_at, n.known_at, c.confirmed_known_at, c.broken_known_at) as state_known_at,
    e.known_at
from events as e
left join confirmed as c on e.ticker = c.ticker and e.event_date = c.event_date
left join ends as n on e.ticker = n.ticker and e.event_date = n.event_date
