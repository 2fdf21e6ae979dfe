{#- Net liquidity at each H.4.1 Wednesday: the level definition, all stocks of the same day, and the
    week-average definition in its own column. Every amount in USD billions. -#}
with h41 as (
    from ({{ side_by_side(ref('int_observations_latest'), {
        'fed_total_assets': 'assets', 'tga_wednesday': 'tga', 'tga_week_average': 'tga_weekavg',
        'reserve_balances_wednesday': 'reserves', 'reserve_balances_week_average': 'reserves_weekavg',
        'primary_credit': 'primary_credit', 'bank_term_funding': 'bank_term_funding'
    }, named='week_date') }}) as w
    where assets is not null or tga is not null
),
rrp as (
    select period_date, value, known_at from {{ ref('int_observations_latest') }} where series_id = 'on_rrp'
),
-- a Wednesday holiday has no operation: the last one within three days stands for it, with its own date
with_rrp as (
    select
        h.*,
        h.week_date < date '2013-09-23' as is_before_facility,
        case when h.week_date - r.period_date <= 3 then r.value end as rrp_found,
        case when h.week_date - r.period_date <= 3 then r.period_date end as rrp_date,
        case when h.week_date - r.period_date <= 3 then r.known_at end as rrp_known_at
    from h41 as h
    asof left join rrp as r on h.week_date >= r.period_date
),
-- operation days of Thursday to Wednesday
rrp_weeks as (
    select h.week_date, case when count(r.value) = count(*) then avg(r.value) end as rrp_mean
    from h41 as h
    inner join rrp as r on r.period_date between h.week_date - 6 and h.week_date
    group by h.week_date
),
legs as (
    select
        w.*,
        -- before the facility's first operation there was nothing to subtract
        case when w.is_before_facility then coalesce(w.rrp_found, 0.0) else w.rrp_found end as rrp,
        case when w.is_before_facility then coalesce(m.rrp_mean, 0.0) else m.rrp_mean end as rrp_mean
    from with_rrp as w
    left join rrp_weeks as m on w.week_date = m.week_date
),
levels as (
    select
        *,
        {{ net_liquidity('assets', 'tga', 'rrp') }} as net_liquidity,
        round(assets - tga_weekavg - rrp_mean, 6) as net_liquidity_weekavg,
        -- the programme lent nothing before its first row and after its last; a row missing after another one is late
        primary_credit + case
            when lag(bank_term_funding) over (order by week_date) is null then coalesce(bank_term_funding, 0)
            else bank_term_funding
        end as emergency
    from legs
),
changes as (
    select
        *,
        max(net_liquidity) over (
            order by week_date range between interval 7 days preceding and interval 7 days preceding
        ) as net_liquidity_1w,
        max(tga) over (
            order by week_date range between interval 7 days preceding and interval 7 days preceding
        ) as tga_1w,
        {{ net_liquidity_change_4w('net_liquidity') }} as net_liquidity_change_4w,
        {{ net_liquidity_change_13w('net_liquidity') }} as net_liquidity_change_13w,
        max(emergency) over (
            order by week_date range between interval 28 days preceding and interval 28 days preceding
        ) as emergency_4w
    from levels
)
select
    week_date,
    assets as fed_total_assets_usd_bn,
    tga as tga_usd_bn,
    rrp as on_rrp_usd_bn,
    rrp_date as on_rrp_obs_date,
    net_liquidity as net_liquidity_usd_bn,
    net_liquidity_weekavg as net_liquidity_weekavg_usd_bn,
    greatest(assets_known_at, tga_known_at, rrp_known_at) as known_at,
    is_before_facility and rrp_found is null as is_on_rrp_before_facility,
    -- the last weekday of a month, when balance sheets are dressed
    coalesce(
        rrp_date = last_day(rrp_date) - greatest(isodow(last_day(rrp_date)) - 5, 0)::integer, false
    ) as is_calendar_spike,
    tga_weekavg as tga_weekavg_usd_bn,
    round(rrp_mean, 6) as on_rrp_weekavg_usd_bn,
    round(net_liquidity - net_liquidity_1w, 6) as net_liquidity_change_1w_usd_bn,
    round(tga - tga_1w, 6) as tga_change_1w_usd_bn,
    net_liquidity_change_4w as net_liquidity_change_4w_pct,
    net_liquidity_change_13w as net_liquidity_change_13w_pct,
    reserves as reserve_balances_usd_bn,
    reserves_weekavg as reserve_balances_weekavg_usd_bn,
    primary_credit as primary_credit_usd_bn,
    bank_term_funding as bank_term_funding_usd_bn,
    round(emergency - emergency_4w, 6) as emergency_lending_change_4w_usd_bn
from changes
