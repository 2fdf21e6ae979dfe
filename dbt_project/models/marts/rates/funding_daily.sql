{#- The price of overnight money on each session: rates of that very date, nothing carried. -#}
with rates as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'sofr': 'sofr', 'sofr_99th_percentile': 'sofr_99th', 'sofr_volume': 'sofr_volume',
        'effr': 'effr', 'iorb': 'iorb', 'ioer': 'ioer', 'ted_spread': 'ted'
    }) }}
),
floored as (
    select
        * exclude (iorb, iorb_known_at, ioer, ioer_known_at),
        -- the rate on reserves replaced the rate on excess reserves on 2021-07-29
        case when session_date >= date '2021-07-29' then iorb else ioer end as iorb,
        case when session_date >= date '2021-07-29' then iorb_known_at else ioer_known_at end as iorb_known_at,
        case when session_date >= date '2021-07-29' then 'iorb' else 'ioer' end as iorb_series_id,
        -- before the first row here: a month's first session is never later than its fourth day
        coalesce(lag(session_date) over (order by session_seq), session_date - 4) as previous_date
    from rates
),
spreads as (
    select
        *,
        {{ sofr_iorb('sofr', 'iorb') }} as sofr_iorb,
        {{ sofr_99th_sofr('sofr_99th', 'sofr') }} as sofr_99th_sofr,
        round(100 * (effr - iorb), 6) as effr_iorb
    from floored
),
medians as (
    select
        session_date,
        case
            when count(*) over last_three = 3 and session_date - min(session_date) over last_three <= 10
                then round(median(sofr_iorb) over last_three, 6)
        end as sofr_iorb_median_3d
    from spreads
    where sofr_iorb is not null
    window last_three as (order by session_seq rows between 2 preceding and current row)
)
select
    s.session_date,
    s.sofr as sofr_pct,
    s.sofr_known_at,
    s.sofr_99th as sofr_99th_percentile_pct,
    s.sofr_volume as sofr_volume_usd_bn,
    s.effr as effr_pct,
    s.effr_known_at,
    s.iorb as iorb_pct,
    s.iorb_known_at,
    s.iorb_series_id,
    s.sofr_iorb as sofr_iorb_bp,
    m.sofr_iorb_median_3d as sofr_iorb_median_3d_bp,
    s.sofr_99th_sofr as sofr_99th_sofr_bp,
    s.effr_iorb as effr_iorb_bp,
    s.ted as ted_spread_bp,
    s.ted_known_at as ted_spread_known_at,
    -- the month's last and first business day, and the day on which mid-month coupon issues settle
    (
        month(s.cutoff_at) <> month(s.session_date)
        or month(s.previous_date) <> month(s.session_date)
        or (day(s.session_date) >= 15 and day(s.previous_date) < 15)
    ) as is_calendar_day
from spreads as s
left join medians as m on s.session_date = m.session_date
