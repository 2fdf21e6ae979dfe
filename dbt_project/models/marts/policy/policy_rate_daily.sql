{#- The target range in force on each session, of that very date, with the step that brought it there. -#}
with target as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'fed_funds_target_lower': 'range_lower', 'fed_funds_target_upper': 'range_upper', 'fed_funds_target': 'single',
    }) }}
),
ranged as (
    select
        session_date,
        session_seq,
        case when session_date < date '2008-12-16' then single else range_lower end as lower_limit,
        case when session_date < date '2008-12-16' then single else range_upper end as upper_limit,
        case
            when session_date < date '2008-12-16' then single_known_at
            else greatest(range_lower_known_at, range_upper_known_at)
        end as known_at
    from target
)
select
    r.session_date,
    r.lower_limit as target_lower_pct,
    r.upper_limit as target_upper_pct,
    case when r.upper_limit is not null then s.change end as last_change_bp,
    case when r.upper_limit is not null then s.announced_at end as announced_at,
    case when r.upper_limit is not null then s.effective_date end as effective_date,
    round(100 * (r.upper_limit - {{ base_before('upper_limit', 252, seq='r.session_seq', day='r.session_date') }}), 6) as change_252d_bp,
    greatest(r.known_at, s.known_at) as known_at
from ranged as r
asof left join {{ ref('int_policy_steps') }} as s on r.session_date >= s.effective_date
where r.known_at is not null
