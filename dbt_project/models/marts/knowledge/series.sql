{#- What is collected, with what is held of it. At a moment: the catalog as it is, with what was held then. -#}
{%- set held -%}
select
    series_id,
    min(period_date) as first_period_date,
    max(period_date) as last_period_date,
    count(*) as periods_count
from {relation}
where value is not null
group by series_id
{%- endset -%}
{%- set as_of -%}
select s.* replace (
    p.first_period_date as first_period_date,
    p.last_period_date as last_period_date,
    coalesce(p.periods_count, 0) as periods_count
)
from marts.series as s
left join ({{ held | replace('{relation}', 'known.int_observations_latest') }}) as p on s.series_id = p.series_id
{%- endset -%}
{{ config(meta={'as_of': {'select': as_of}}) }}
with providers as (
    select
        series_id,
        string_agg(provider, ', ' order by provider_rank) as providers,
        string_agg(provider || ' ' || code, ', ' order by provider_rank) as provider_codes
    from {{ source('catalog', 'providers') }}
    group by series_id
),
catalog as (
    select s.*, v.providers, v.provider_codes
    from {{ source('catalog', 'series') }} as s
    left join providers as v on s.series_id = v.series_id
),
periods as (
    {{ held | replace('{relation}', ref('int_observations_latest') | string) }}
)
select
    s.series_id,
    s.title,
    s.register_id,
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
from catalog as s
left join periods as p on s.series_id = p.series_id
