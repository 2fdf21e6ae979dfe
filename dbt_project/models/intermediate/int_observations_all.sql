{{ config(materialized='view') }}
with united as (
{% for source_name in [
    'fred', 'federal_reserve', 'treasury', 'new_york_fed', 'japan_mof', 'cboe', 'yahoo', 'ofr', 'finra', 'user_file'
] %}
    select * from {{ ref('stg_' ~ source_name ~ '__observations') }}
    {{ 'union all' if not loop.last }}
{% endfor %}
)
select
    u.*,
    -- weeks and months have no calendar: they count as dated
    s.calendar is null or d.day is not null as is_own_day
from united as u
inner join {{ source('catalog', 'series') }} as s on u.series_id = s.series_id
left join {{ source('calendar', 'days') }} as d on s.calendar = d.calendar and u.period_date = d.day
