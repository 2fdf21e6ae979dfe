with observed as (
    select
        payload_sha256,
        provider,
        count(*) as observations_count,
        count(distinct series_id) as series_count,
        min(period_date) as first_period_date,
        max(period_date) as last_period_date
    from {{ ref('int_observations_all') }}
    group by payload_sha256, provider
)
select
    p.payload_sha256,
    p.source,
    p.name,
    p.url,
    p.fetched_at,
    p.bytes_count,
    p.status as http_status,
    coalesce(o.observations_count, 0) as observations_count,
    coalesce(o.series_count, 0) as series_count,
    o.first_period_date,
    o.last_period_date
from {{ source('ops', 'payloads') }} as p
left join observed as o on p.payload_sha256 = o.payload_sha256 and p.source = o.provider
