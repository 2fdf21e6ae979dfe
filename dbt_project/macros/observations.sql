{#- What reads observations: the conversion in staging, and the two ways onto the session spine. -#}

{#- One source's raw rows in the unit of the mart. Every vintage, weekend and holiday row stays. A published unit
    without a factor leaves `factor` NULL, which a test on int_observations refuses. -#}
{% macro stage_observations(raw, series, providers, units) %}
select
    o.series_id,
    o.code,
    o.period_date,
    round(o.value * u.factor, 9) as value,
    s.unit,
    o.value as value_published,
    o.unit as unit_published,
    u.factor,
    o.known_at,
    o.known_basis,
    o.provider,
    p.provider_rank,
    s.licence,
    o.payload_sha256,
    o.loaded_at
from {{ raw }} as o
inner join {{ series }} as s on o.series_id = s.series_id
inner join {{ providers }} as p
    on o.series_id = p.series_id and o.provider = p.provider
left join {{ units }} as u
    on o.unit = u.unit_published and s.unit = u.unit
{% endmacro %}


{#- Series side by side, one row for each period of any of them: <name> and <name>_known_at of each `{series_id: name}`, and
    known_at, the newest moment of all. `of_values`: known_at only of periods with a value, not of one that was withdrawn or is in
    dispute. `period` is what the rows are for, `named` its name. -#}
{% macro side_by_side(observations, series, period='period_date', named='period_date', of_values=false) %}
select
    {{ period }} as {{ named }},
    {%- for series_id, name in series.items() %}
    max(value) filter (where series_id = '{{ series_id }}') as {{ name }},
    max(known_at) filter (where series_id = '{{ series_id }}') as {{ name }}_known_at,
    {%- endfor %}
    max(known_at){{ ' filter (where value is not null)' if of_values }} as known_at
from {{ observations }}
where series_id in ('{{ series.keys() | join("', '") }}')
group by {{ period }}
{% endmacro %}


{#- Series side by side on the sessions, from the first session that any of them has a value for: columns <name> and
    <name>_known_at for each `{series_id: name}`, NULL where a series has no value of that very date. Rows of other
    days (weekends, holidays) fall away before anything is counted, so that windows count sessions. -#}
{% macro on_sessions(observations, sessions, series) %}
select
    s.session_date,
    s.session_seq,
    s.cutoff_at,
    v.* exclude (period_date, known_at)
from {{ sessions }} as s
left join ({{ side_by_side(observations, series) }}) as v on s.session_date = v.period_date
where s.session_date >= (
    select min(period_date) from {{ observations }}
    where series_id in ('{{ series.keys() | join("', '") }}')
)
{% endmacro %}


{#- One series carried to each session: the value of the last period on or before it, with that period's date, while
    it is at most `limit_days` (an SQL expression over s.session_date) calendar days old; beyond that, and while that
    period is in dispute, the value is NULL and only the date tells how old the last one is. -#}
{% macro carried(observations, sessions, series_id, limit_days) %}
select
    s.session_date,
    s.session_seq,
    case when s.session_date - o.period_date <= {{ limit_days }} then o.value end as value,
    case when s.session_date - o.period_date <= {{ limit_days }} and o.value is not null then o.period_date end as obs_date,
    case when s.session_date - o.period_date <= {{ limit_days }} and o.value is not null then o.known_at end as known_at,
    o.period_date as last_date,
    o.period_date is not null and o.value is null as is_disputed
from {{ sessions }} as s
asof left join (
    select period_date, value, known_at from {{ observations }} where series_id = '{{ series_id }}'
) as o on s.session_date >= o.period_date
{% endmacro %}


{#- Tokyo closes for a week or more around New Year and in Golden Week. -#}
{% macro in_tokyo_long_holiday(day) -%}
(
    (month({{ day }}) = 12 and day({{ day }}) >= 28) or (month({{ day }}) = 1 and day({{ day }}) <= 10)
    or (month({{ day }}) = 4 and day({{ day }}) >= 27) or (month({{ day }}) = 5 and day({{ day }}) <= 10)
)
{%- endmacro %}


{#- Calendar days for which a Tokyo yield may be carried. -#}
{% macro tokyo_limit_days(day) -%}
case when {{ in_tokyo_long_holiday(day) }} then 10 else 7 end
{%- endmacro %}


{#- The day on which a period ends: months, quarters and years are dated on their first day. As ingest/catalog/frequency.py. -#}
{% macro period_end(frequency, period) -%}
case {{ frequency }}
    when 'monthly' then last_day({{ period }})
    when 'quarterly' then last_day({{ period }} + interval 2 month)
    when 'annual' then last_day({{ period }} + interval 11 month)
    else {{ period }}
end
{%- endmacro %}
