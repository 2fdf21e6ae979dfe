{#- What looks back over sessions: the change over n of them, and the rank of a value among its last ones. A mart has no
    other way to do either, so that one definition serves them all, their `..._as_of(ts)` and the regimes. -#}

{#- What a change over n sessions starts from: the newest own value at or before the session n back, at most 5 calendar days
    older than that session; else NULL. `column` must be NULL on a session without a value of its own (a carried one is
    none), so that a change ends at an own value too. A series with days on which New York is closed has its carried value here,
    `day` is the date of that, and what the change ends at is the caller's. The session n back is counted by number, so rows may
    be missing: `then_date` is its date where its row may be. Rows before the frame cannot serve: 5 days contain no more than 5 sessions. -#}
{% macro base_before(column, sessions_count, seq='session_seq', day='session_date', then_date=none, partition_by=none) -%}
{%- set by = "over (" ~ ("partition by " ~ partition_by ~ " " if partition_by else "") ~ "order by " ~ seq ~ " range between " -%}
{%- set nearby = by ~ (sessions_count + 5) ~ " preceding and " ~ sessions_count ~ " preceding)" -%}
{%- set then = by ~ sessions_count ~ " preceding and " ~ sessions_count ~ " preceding)" -%}
case
    when {{ then_date or "first_value(" ~ day ~ ") " ~ then }}
        - last_value(case when {{ column }} is not null then {{ day }} end ignore nulls) {{ nearby }} <= 5
        then last_value({{ column }} ignore nulls) {{ nearby }}
end
{%- endmacro %}


{#- A relation with a column date_<n> for each of `sessions_counts`: the day of the session n back. It is the `then_date` of
    base_before where rows may be missing, as of a fund that did not trade: without it such a change would be NULL. -#}
{% macro with_dates_back(relation, sessions, sessions_counts) -%}
select
    r.*,
    {%- for count in sessions_counts %}
    then_{{ count }}.session_date as date_{{ count }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ relation }} as r
{%- for count in sessions_counts %}
left join {{ sessions }} as then_{{ count }} on r.session_seq - {{ count }} = then_{{ count }}.session_seq
{%- endfor %}
{%- endmacro %}


{#- How many values rolling_percentile has in its window: what it used where it has a value, how far it is where not. They
    must lie within the sessions of which they are 95 %: a rank among values of years ago would be none of a year. -#}
{% macro rolling_percentile_count(column, values_count, seq='session_seq') -%}
least(
    {{ values_count }},
    count({{ column }}) over (
        order by {{ seq }}
        range between {{ (values_count / 0.95) | round(0, 'floor') | int - 1 }} preceding and current row
    )
)
{%- endmacro %}


{#- Percentile (0-100) of the session's value among its last `values_count` values, itself included: the share of them not
    above it. NULL without a value, and until the window is full of values.
    Not cume_dist() with an order of its own: drivers before 1.3 could not open a file that has it in a macro. -#}
{% macro rolling_percentile(column, values_count, seq='session_seq') -%}
case
    when {{ column }} is not null and {{ rolling_percentile_count(column, values_count, seq) }} = {{ values_count }}
        then round(
            100.0
            * len(list_filter(
                -- rows without a value are a partition of their own, so that the frame counts values
                list({{ column }}) over (
                    partition by {{ column }} is null order by {{ seq }}
                    rows between {{ values_count - 1 }} preceding and current row
                ),
                lambda other: other <= {{ column }}
            ))
            / {{ values_count }},
            6
        )
end
{%- endmacro %}


{#- Standard deviations of a month's value from the mean of the `months_count` months before it, itself left out; NULL below
    `least` of them with a value, and where they do not vary. -#}
{% macro zscore_of_months_before(column, months_count, least, month='month_date') -%}
{%- set before -%}
over (
    order by {{ month }} range between interval {{ months_count }} month preceding and interval 1 month preceding
)
{%- endset -%}
case
    when count({{ column }}) {{ before }} >= {{ least }}
        then round(({{ column }} - avg({{ column }}) {{ before }}) / nullif(stddev_samp({{ column }}) {{ before }}, 0), 6)
end
{%- endmacro %}


{#- Standard deviations of the session's value from the mean of its last `values_count` values, itself included. NULL without a
    value, and until there are so many within the last `within_sessions`. -#}
{% macro rolling_zscore(column, values_count, within_sessions, seq='session_seq', partition_by=none) -%}
{%- set own = partition_by ~ ", " if partition_by else "" -%}
{%- set last = "over (partition by " ~ own ~ column ~ " is null order by " ~ seq ~ " rows between " ~ (values_count - 1) ~ " preceding and current row)" -%}
case
    when {{ column }} is not null
        and count({{ column }}) over (
            {{ "partition by " ~ partition_by ~ " " if partition_by }}order by {{ seq }} range between {{ within_sessions - 1 }} preceding and current row
        ) >= {{ values_count }}
        then round(({{ column }} - avg({{ column }}) {{ last }}) / nullif(stddev_samp({{ column }}) {{ last }}, 0), 6)
end
{%- endmacro %}


{#- The value `rows_count` rows before in a window (its name, or its partition and order). Not lag(): DuckDB 2.0 forgets how far
    back it looks in a macro that 1.5 stored. -#}
{% macro sessions_before(column, rows_count, window) -%}
first_value({{ column }}) over ({{ window }} rows between {{ rows_count }} preceding and {{ rows_count }} preceding)
{%- endmacro %}
