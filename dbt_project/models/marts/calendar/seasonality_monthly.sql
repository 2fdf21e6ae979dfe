{#- Mean monthly price return of the S&P 500 by month of the year, over all complete years before as_of_year:
    what was known when the year began. A month's return is from the close of the last session of the month before to that of its
    own last session: a month that is not over, or whose last close is missing or in dispute, has none, and no other close
    stands for it. -#}
with month_ends as (
    select
        date_trunc('month', o.period_date)::date as month_date,
        o.value as close_index,
        o.known_at
    from {{ ref('int_observations_latest') }} as o
    inner join {{ ref('calendar_events') }} as e on e.event_type = 'month_end' and o.period_date = e.event_date
    where o.series_id = 'sp500_close' and o.value > 0
),
monthly as (
    select
        month_date,
        case
            when lag(month_date) over by_month = month_date - interval 1 month
                then 100 * (close_index / lag(close_index) over by_month - 1)
        end as return_pct,
        greatest(known_at, lag(known_at) over by_month) as known_at
    from month_ends
    window by_month as (order by month_date)
),
-- years of which every month has a return: a mean over other years for each month would compare what differs
complete_years as (
    select year(month_date) as in_year, max(known_at) as known_at
    from monthly
    where return_pct is not null
    group by year(month_date)
    having count(*) = 12
),
as_of as (
    select distinct in_year + 1 as as_of_year from complete_years
)
select
    a.as_of_year::bigint as as_of_year,
    month(m.month_date)::bigint as month_number,
    round(avg(m.return_pct), 6) as mean_return_pct,
    round(median(m.return_pct), 6) as median_return_pct,
    round(100.0 * count(*) filter (where m.return_pct > 0) / count(*), 6) as hit_pct,
    round(case when count(*) > 1 then stddev_samp(m.return_pct) end, 6) as return_stddev_pct,
    count(*) as years_count,
    min(c.in_year)::bigint as first_year,
    rank() over (partition by a.as_of_year order by avg(m.return_pct) desc)::bigint as month_rank,
    -- the last close of December may be known after it, never the mean before it
    max(c.known_at) as known_at
from as_of as a
inner join complete_years as c on c.in_year < a.as_of_year
inner join monthly as m on year(m.month_date) = c.in_year
group by a.as_of_year, month(m.month_date)
