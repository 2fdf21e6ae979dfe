{#- Meetings of the Federal Open Market Committee that took place or may still. -#}
{% macro fomc_meetings_held() %}
select * from {{ ref('fomc_meetings') }} where called_off_date is null
{% endmacro %}


{#- Meetings as events of the calendar; `rows` is a relation of the columns of `fomc_meetings`. -#}
{% macro meeting_events(rows) %}
select
    'fomc_decision' as event_type,
    {{ new_york('meeting_date + statement_time::time') }} as event_at,
    meeting_date as event_date,
    case when is_scheduled then 'Decision of a scheduled meeting' else 'Decision between the meetings of the calendar' end as event_text,
    case
        when is_scheduled then {{ new_york('known_date') }}
        else {{ new_york('meeting_date + statement_time::time') }}
    end as scheduled_known_at,
    {{ new_york('called_off_date + called_off_time::time') }} as withdrawn_known_at,
    source_url,
    checked
from {{ rows }}
{% endmacro %}


{#- Releases of the Bureau of Labor Statistics that markets wait for, as events of the calendar; `rows` is a relation of the columns of its
    table of releases, and of `withdrawn_known_at`. -#}
{% macro release_events(rows) %}
select
    case release_title when 'Consumer Price Index' then 'cpi' else 'jobs_report' end as event_type,
    {{ new_york('release_date + release_time::time') }} as event_at,
    release_date as event_date,
    release_title as event_text,
    known_at as scheduled_known_at,
    withdrawn_known_at,
    'https://www.bls.gov/schedule/news_release/bls.ics' as source_url,
    'published' as checked
from {{ rows }}
where release_title in ('Consumer Price Index', 'Employment Situation') and release_time is not null
{% endmacro %}
