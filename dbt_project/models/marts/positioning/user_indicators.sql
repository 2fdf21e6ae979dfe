{#- Everything that only a file of the user's brings, and whether it is there. A proxy is named, never put in its place. -#}
with named as (
    select series_id, string_agg(proxy_id, ', ' order by proxy_id) as proxy_ids
    from (
        {%- for proxy, one in public_proxies().items() %}
        select '{{ proxy }}' as proxy_id, unnest(string_split('{{ one.stands_for }}', ', ')) as series_id
        union all
        {%- endfor %}
        select 'sector_*', 'prime_book_sector_zscore'
    ) as pairs
    group by series_id
),
own as (
    select series_id
    from {{ source('catalog', 'providers') }}
    group by series_id
    having bool_and(provider = '{{ users_own_source() }}')
),
held as (
    select series_id, period_date, known_at, null as scope from {{ ref('int_observations_latest') }}
    where provider = '{{ users_own_source() }}' and value is not null
    union all
    select series_id, period_date, known_at, scope from ({{ newest(users_own_source(), 'scoped_values') }})
    where value is not null
),
supplied as (
    select
        series_id,
        min(period_date) as first_period_date,
        max(period_date) as last_period_date,
        count(*) as values_count,
        count(distinct scope) as scopes_count,
        max(known_at) as known_at
    from held
    group by series_id
)
select
    s.series_id,
    s.title,
    s.register_id,
    s.unit,
    s.frequency,
    case when h.series_id is null then 'not supplied' else 'supplied' end as supply_state,
    'user_files/' || s.series_id || '.csv' as file_text,
    h.first_period_date,
    h.last_period_date,
    coalesce(h.values_count, 0) as values_count,
    h.scopes_count,
    n.proxy_ids,
    h.known_at
from own as o
inner join {{ source('catalog', 'series') }} as s on o.series_id = s.series_id
left join supplied as h on o.series_id = h.series_id
left join named as n on o.series_id = n.series_id
