{#- The steps of the target: sessions whose target differs from that of the session before (FUN-07). A change across
    sessions that are missing has no day of its own and is no step. FRED dates a step on the day of the announcement up to
    2016-12-14 and on the day after it from 2017-03-16 on. -#}
with target as ({{ target_by_day() }}),
trading_days as (
    select day, lag(day) over (order by day) as day_before from {{ source('calendar', 'days') }} where calendar = 'nyse'
),
beside as (
    select
        *,
        lag(target_date) over by_day as previous_date,
        lag(lower_limit) over by_day as previous_lower,
        lag(upper_limit) over by_day as previous_upper
    from target
    window by_day as (order by target_date)
),
dated as (
    select
        *,
        case when target_date >= date '2017-03-16' then target_date - 1 else target_date end as announced_date
    from beside
    inner join trading_days on target_date = day and previous_date = day_before
    where (upper_limit <> previous_upper or lower_limit <> previous_lower)
)
select
    d.target_date as effective_date,
    d.announced_date,
    -- before February 1994 nothing was announced: markets saw the target in what the New York desk did
    case when d.announced_date >= date '1994-02-04' then
        {{ new_york("d.announced_date + coalesce(m.statement_time, case when d.announced_date < date '2013-03-20' then '14:15' else '14:00' end)::time") }}
    end as announced_at,
    d.lower_limit as target_lower,
    d.upper_limit as target_upper,
    round(100 * (d.upper_limit - d.previous_upper), 6) as change,
    d.known_at
from dated as d
left join ({{ fomc_meetings_held() }}) as m on d.announced_date = m.meeting_date
