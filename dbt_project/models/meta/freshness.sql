with serving as (
    select
        series_id,
        arg_max(provider, period_date) as provider,
        max(period_date) as data_through_date,
        max(known_at) as known_at
    from (
        select series_id, provider, period_date, known_at from {{ ref('int_observations_latest') }}
        union all  -- series that a user's file tells apart by scope have no observations
        select series_id, '{{ users_own_source() }}' as provider, period_date, known_at
        from ({{ newest(users_own_source(), 'scoped_values') }})
        where value is not null
    ) as held
    group by series_id
),
first_provider as (
    select series_id, arg_min(provider, provider_rank) as provider
    from {{ source('catalog', 'providers') }}
    group by series_id
),
limits as (
    select
        c.series_id,
        c.end_date,
        s.provider,
        s.data_through_date,
        s.known_at,
        coalesce(s.provider, f.provider) as calendar_provider,
        p.provider_rank,
        p.stale_limit_days,
        ({{ run_at() }})::date - {{ period_end('c.frequency', 's.data_through_date') }} as age_days
    from {{ source('catalog', 'series') }} as c
    inner join first_provider as f on c.series_id = f.series_id
    left join serving as s on c.series_id = s.series_id
    left join {{ source('catalog', 'providers') }} as p
        on c.series_id = p.series_id and coalesce(s.provider, f.provider) = p.provider
),
due as (
    select
        l.series_id,
        max(r.period_date) filter (where r.release_at <= {{ run_at() }}) as expected_period_date,
        min(r.release_at) filter (
            where l.data_through_date is null or r.period_date > l.data_through_date
        ) as expected_by_at
    from limits as l
    inner join {{ source('calendar', 'releases') }} as r
        on l.series_id = r.series_id and l.calendar_provider = r.provider
    where r.provider <> '{{ users_own_source() }}'  -- a user's file is never due
    group by l.series_id
),
judged as (
    select
        l.*,
        d.expected_period_date,
        d.expected_by_at,
        case
            when l.data_through_date is null and l.calendar_provider = '{{ users_own_source() }}' then 'optional'
            when l.data_through_date is null then 'never'
            when l.end_date <= ({{ run_at() }})::date then 'ended'
            when l.age_days > l.stale_limit_days then 'stale'
            when l.data_through_date < d.expected_period_date then 'late'
            else 'fresh'
        end as state
    from limits as l
    left join due as d on l.series_id = d.series_id
),
-- whose failure may be why the series is what it is: of a fresh one only that of a provider that should have served it
errors as (
    select
        j.series_id,
        string_agg(r.source || ': ' || r.state, '; ' order by p.provider_rank) as last_error
    from judged as j
    inner join {{ source('catalog', 'providers') }} as p on j.series_id = p.series_id
    inner join {{ ref('sources') }} as r on p.provider = r.source
    where
        (j.state in ('late', 'stale', 'never') and r.state in ('failed', 'partial', 'held'))
        or (j.state = 'fresh' and r.state in ('failed', 'held') and p.provider_rank < j.provider_rank)
    group by j.series_id
),
last_shrinkages as (
    select series_id, source, arg_max(served_from, seen_at) as served_from, arg_max(held_from, seen_at) as held_from
    from {{ source('ops', 'shrinkages') }}
    group by series_id, source
),
shrinkages as (
    select
        series_id,
        string_agg(
            source || ' now serves from ' || served_from || ', we hold from ' || held_from, '; ' order by source
        ) as shrinkage_note
    from last_shrinkages
    where served_from > held_from  -- else the history is back
    group by series_id
)
select
    l.series_id,
    l.provider,
    l.data_through_date,
    l.known_at,
    l.age_days,
    l.expected_period_date,
    l.expected_by_at,
    l.state,
    l.stale_limit_days,
    e.last_error,
    h.shrinkage_note,
    {{ run_at() }} as checked_at
from judged as l
left join errors as e on l.series_id = e.series_id
left join shrinkages as h on l.series_id = h.series_id
