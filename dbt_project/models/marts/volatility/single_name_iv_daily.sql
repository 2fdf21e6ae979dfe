{#- Constant-maturity implied volatility of each chain (VOL-12). Expiries of fewer than five days are left out: theirs moves with
    every hour. A maturity is interpolated between the nearest expiry before it and the nearest after, neither further off than a
    third of it or three times it; an expiry on the very day stands for itself. The table has the expiry of the snapshot's own day too:
    once its session has closed it counts no more, as in analytics/options/gamma.py. -#}
with points as (
    select symbol, snapshot_at, expiry_date, {'days': expiry_in_days, 'iv': iv_pct} as point
    from {{ source('implied_volatility', 'at_the_money') }}
    where iv_pct is not null and expiry_in_days >= 5
),
brackets as (
    select
        symbol,
        snapshot_at,
        arg_min(point, point.days) as front,
        min(expiry_date) as front_expiry_date,
        {%- for days in [30, 60, 90] %}
        arg_max(point, point.days) filter (where point.days between {{ days / 3 }} and {{ days }}) as nearer_{{ days }},
        arg_min(point, point.days) filter (where point.days between {{ days }} and {{ 3 * days }}) as further_{{ days }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from points
    group by symbol, snapshot_at
),
chains as (
    select
        a.symbol,
        a.snapshot_at,
        max(a.spot_usd) as spot_usd,
        coalesce(sum(a.quotes_count) filter (where e.close_at is null or e.close_at > a.snapshot_at), 0)::bigint as quotes_count,
        count(*) filter (where e.close_at is null or e.close_at > a.snapshot_at) as expiries_count,
        max(a.known_at) as known_at
    from {{ source('implied_volatility', 'at_the_money') }} as a
    left join {{ source('calendar', 'sessions') }} as e on a.expiry_date = e.session_date
    group by a.symbol, a.snapshot_at
)
select
    c.symbol,
    s.session_date,
    c.snapshot_at,
    c.spot_usd,
    {%- for days in [30, 60, 90] %}
    round({{ implied_volatility_at(days, 'b.nearer_' ~ days, 'b.further_' ~ days) }}, 4) as iv_{{ days }}d_pct,
    {%- endfor %}
    case
        when b.nearer_30 is null and b.further_30 is null then 'no_expiry'
        when b.nearer_30 is null then 'no_expiry_before'
        when b.further_30 is null then 'no_expiry_after'
    end as iv_30d_reason,
    round(b.front.iv, 4) as iv_front_pct,
    b.front_expiry_date,
    b.front.days as front_expiry_days,
    round(iv_30d_pct / nullif(iv_90d_pct, 0), 6) as iv_30d_90d_ratio,
    c.quotes_count,
    c.expiries_count,
    c.known_at
from chains as c
left join brackets as b on c.symbol = b.symbol and c.snapshot_at = b.snapshot_at
-- the session whose quotes these are: they come a quarter of an hour late
asof left join {{ source('calendar', 'sessions') }} as s on c.snapshot_at >= s.open_at + interval 15 minutes
