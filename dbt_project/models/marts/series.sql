with periods as (
    select
        series_id,
        min(period_date) as first_period_date,
        max(period_date) as last_period_date,
        count(*) as periods_count
    from {{ ref('int_observations_latest') }}
    group by series_id
),
providers as (
    select
        series_id,
        string_agg(provider, ', ' order by provider_rank) as providers,
        string_agg(provider || ' ' || code, ', ' order by provider_rank) as provider_codes
    from {{ source('catalog', 'providers') }}
    group by series_id
)
select
    s.series_id,
    s.title,
    s.publisher,
    s.frequency,
    s.unit,
    s.stale_limit_days,
    s.stale_limit_long_holiday_days,
    s.licence,
    s.is_revised,
    s.end_date,
    p.first_period_date,
    p.last_period_date,
    coalesce(p.periods_count, 0) as periods_count,
    v.providers,
    v.provider_codes
from {{ source('catalog', 'series') }} as s
left join providers as v on s.series_id = v.series_id
left join periods as p on s.series_id = p.series_id
