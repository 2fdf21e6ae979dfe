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
)
select * from (
    {{ series('catalog', ref('int_observations_latest')) }}
)
