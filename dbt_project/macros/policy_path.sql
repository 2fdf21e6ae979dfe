{#- The target by day: a target of one number is a range without width. -#}
{% macro target_by_day() %}
select target_date, lower_limit, upper_limit, known_at
from ({{ side_by_side(ref('int_observations_latest'), {
    'fed_funds_target_lower': 'lower_limit', 'fed_funds_target_upper': 'upper_limit'
}, named='target_date') }}) as t
where lower_limit is not null and upper_limit is not null
union all
select period_date, value, value, known_at
from {{ ref('int_observations_latest') }}
where series_id = 'fed_funds_target' and period_date < date '2008-12-16' and value is not null
{% endmacro %}


{#- The scheduled meetings of which it is known what they decided: a step, or none where the target of the next days is that of the days
    before. A meeting between two targets that differ, without a step that has a day, has no row: what it decided is not known. -#}
{% macro decided_meetings() %}
with target as ({{ target_by_day() }})
select
    m.*,
    s.announced_date is not null as has_step,
    case when s.announced_date is not null then s.known_at else greatest(a.known_at, b.known_at) end as decision_known_at
from ({{ fomc_meetings_held() }}) as m
asof left join target as b on m.meeting_date > b.target_date
-- from 2017 on a step would be dated on the day after
asof left join target as a on m.meeting_date < a.target_date
left join {{ ref('int_policy_steps') }} as s on m.meeting_date = s.announced_date
where
    m.is_scheduled
    and (
        s.announced_date is not null
        or (
            a.target_date - m.meeting_date <= 5 and m.meeting_date - b.target_date <= 5
            and a.lower_limit = b.lower_limit and a.upper_limit = b.upper_limit
        )
    )
{% endmacro %}


{#- The rate after a meeting: the average of a month after it without a meeting, else what the rest of its own month must average. -#}
{% macro rate_after(contract, before) -%}
coalesce(
    {{ contract }}.next_implied,
    ({{ contract }}.own_implied * {{ contract }}.month_days - {{ before }} * {{ contract }}.days_before)
    / nullif({{ contract }}.month_days - {{ contract }}.days_before, 0)
)
{%- endmacro %}


{#- The probability of a move of one step (25 basis points), or of more than one, in the direction `sign` (-1 or 1): the expected number of
    steps lies between two whole ones, and is split between them. -#}
{% macro share_of_move(steps, sign, is_larger=false) -%}
case
    when {{ steps }} is not null
        then {% if is_larger -%}
        least(greatest({{ sign }} * {{ steps }} - 1, 0), 1)
        {%- else -%}
        greatest(1 - abs({{ sign }} * {{ steps }} - 1), 0)
        {%- endif %}
end
{%- endmacro %}
