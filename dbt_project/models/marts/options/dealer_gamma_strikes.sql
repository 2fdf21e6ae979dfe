-- The newest 63 sessions of each underlying: a year of every strike would be larger than all other tables together.
with answers as (
    select
        underlying, snapshot_at, known_at, spot_usd,
        dense_rank() over (partition by underlying order by session_date desc) as session_rank
    from {{ source('options', 'gamma_daily') }}
    qualify row_number() over (partition by underlying, snapshot_at order by known_at) = 1
)
select
    g.underlying,
    g.snapshot_at,
    g.expiry_date,
    g.strike_usd as strike_index,
    round(100 * (g.strike_usd / a.spot_usd - 1), 6) as strike_distance_pct,
    round(g.call_gex_usd_bn, 9) as call_gex_usd_bn,
    round(g.put_gex_usd_bn, 9) as put_gex_usd_bn,
    round(g.call_gex_usd_bn + g.put_gex_usd_bn, 9) as gex_usd_bn,
    g.known_at
from {{ source('options', 'gamma_strikes') }} as g
inner join answers as a using (underlying, snapshot_at, known_at)
where a.session_rank <= 63
