{#- Of each session the newest snapshot that was known at 09:15 on the next one. A snapshot of an older session is not
    carried on: the session then has a row without figures. -#}
with sessions as (
    select s.session_date, s.cutoff_at, u.underlying
    from {{ source('calendar', 'sessions') }} as s
    inner join (
        select underlying, min(session_date) as first_date from {{ ref('dealer_gamma_daily') }} group by underlying
    ) as u on s.session_date >= u.first_date
    where s.cutoff_at <= {{ run_at() }}
)
select
    s.session_date,
    s.underlying,
    s.cutoff_at,
    g.snapshot_at,
    g.spot_index,
    g.gex_usd_bn,
    g.gex_balance_pct,
    g.flip_index,
    g.flip_distance_pct,
    g.expiring_1d_pct,
    g.known_at
from sessions as s
left join {{ ref('dealer_gamma_daily') }} as g
    on s.underlying = g.underlying and s.session_date = g.session_date and g.known_at <= s.cutoff_at
qualify row_number() over (partition by s.session_date, s.underlying order by g.snapshot_at desc nulls last) = 1
