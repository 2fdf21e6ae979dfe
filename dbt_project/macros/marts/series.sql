{#- What is collected, with what is held of it. `catalog` has the columns of the catalog, `observations` the newest value
    of each period. -#}
{% macro series(catalog, observations) %}
with periods as (
    select
        series_id,
        min(period_date) as first_period_date,
        max(period_date) as last_period_date,
        count(*) as periods_count
    from {{ observations }}
    where value is not null
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
    s.providers,
    s.provider_codes
from {{ catalog }} as s
left join periods as p on s.series_id = p.series_id
{% endmacro %}
