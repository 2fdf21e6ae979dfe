{#- What the Federal Reserve decided: steps of the target from its series, meetings of the calendar that left it as it was, and the
    announcements kept by hand. -#}
with steps as (
    select
        coalesce(announced_at, {{ new_york('effective_date + 1') }}) as event_at,
        announced_date as event_date,
        case when change < 0 then 'cut' else 'hike' end as event_class,
        *
    from {{ ref('int_policy_steps') }}
    where change <> 0
),
unchanged as (
    select *, {{ new_york('meeting_date + statement_time::time') }} as event_at, decision_known_at as known_at
    from ({{ decided_meetings() }}) as m
    where not has_step
),
held as (
    select
        u.*,
        s.event_class as last_class,
        s.effective_date,
        lag(s.effective_date) over (order by u.meeting_date) as step_before_last_hold
    from unchanged as u
    asof left join steps as s on u.meeting_date >= s.event_date
),
decided as (
    select
        event_at, event_date, event_class, change, effective_date, target_lower, target_upper,
        'Target ' || printf('%.2f', target_lower) || ' to ' || printf('%.2f', target_upper) || ' percent' as detail,
        'https://fred.stlouisfed.org/series/' || case when effective_date < date '2008-12-16' then 'DFEDTAR' else 'DFEDTARU' end as source_url,
        'computed' as checked,
        greatest(event_at, known_at) as known_at
    from steps
    union all
    select
        event_at, meeting_date,
        -- the first meeting without a step since the last hike
        case when last_class = 'hike' and effective_date is distinct from step_before_last_hold then 'pause_after_hikes' else 'hold' end,
        0.0, null, null, null, 'Target unchanged', source_url, checked, greatest(event_at, known_at)
    from held
    union all
    select
        {{ new_york('event_date + event_time::time') }}, event_date, event_class, null, null, null, null, detail, source_url, checked,
        {{ new_york('event_date + event_time::time') }}
    from {{ ref('fed_events') }}
)
select
    event_at,
    event_date,
    event_class,
    event_class not in ('hike', 'hold') as is_dovish,
    change as change_bp,
    effective_date,
    target_lower as target_lower_pct,
    target_upper as target_upper_pct,
    detail as event_text,
    source_url,
    checked,
    known_at
from decided
where known_at <= {{ run_at() }}
