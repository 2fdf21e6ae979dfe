{#- Of a snapshot that came twice the first answer counts: then it was known. Open interest is that of the session before the day of
    the snapshot in New York, whatever its hour. -#}
with newest as (
    select * from {{ source('options', 'gamma_daily') }}
    qualify row_number() over (partition by underlying, snapshot_at order by known_at) = 1
)
select
    n.underlying,
    n.snapshot_at,
    n.session_date,
    s.session_date as oi_date,
    n.spot_usd as spot_index,
    round(n.gex_usd_bn, 9) as gex_usd_bn,
    round(n.call_gex_usd_bn, 9) as call_gex_usd_bn,
    round(n.put_gex_usd_bn, 9) as put_gex_usd_bn,
    round(n.gross_gex_usd_bn, 9) as gross_gex_usd_bn,
    round(100 * n.gex_usd_bn / nullif(n.gross_gex_usd_bn, 0), 6) as gex_balance_pct,
    round(n.gex_usd_bn * 1e9 / (n.spot_usd * n.spot_usd * 0.01), 3) as gamma_per_point_shares,
    round(n.flip_usd, 4) as flip_index,
    round(100 * (n.flip_usd / n.spot_usd - 1), 6) as flip_distance_pct,
    n.call_wall_usd as call_wall_index,
    n.put_wall_usd as put_wall_index,
    n.call_wall_above_usd as call_wall_above_index,
    n.put_wall_below_usd as put_wall_below_index,
    round(n.expiring_1d_pct, 6) as expiring_1d_pct,
    n.call_open_interest_contracts as call_open_interest_count,
    n.put_open_interest_contracts as put_open_interest_count,
    round(n.covered_oi_pct, 6) as covered_oi_pct,
    n.contracts_count,
    n.missing_gamma_count,
    n.missing_open_interest_count,
    round(n.own_to_published_gamma_ratio, 6) as own_to_published_gamma_ratio,
    n.known_at
from newest as n
asof left join {{ source('calendar', 'sessions') }} as s on n.as_of_date > s.session_date
