{#- What was on the calendar and was taken off it: meetings that were called off, releases that were moved to another day or hour. -#}
with releases as (
    -- a release that is moved is withdrawn on its old day: the vintage after has no time, or another one
    select
        *,
        lead(known_at) over vintages as withdrawn_known_at,
        lead(release_time) over vintages is distinct from release_time as is_changed
    from {{ source('bls', 'releases') }}
    window vintages as (partition by release_title, release_date order by {{ newest_last() }})
),
moved as (
    select * from releases where is_changed and withdrawn_known_at is not null
),
called_off as (
    select * from {{ ref('fomc_meetings') }} where called_off_date is not null
),
withdrawn as (
    select * from ({{ release_events('moved') }}) as r
    union all by name
    select * from ({{ meeting_events('called_off') }}) as m
)
select event_at, event_date, event_type, event_text, scheduled_known_at, withdrawn_known_at, source_url, checked
from withdrawn
-- what was withdrawn after its moment had been there
where withdrawn_known_at <= least(event_at, {{ run_at() }}) and scheduled_known_at < withdrawn_known_at
