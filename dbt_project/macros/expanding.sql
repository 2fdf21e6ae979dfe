{#- Percentile (0-100) of a value among all values up to its own period, itself included: nothing later counts. NULL without
    a value, and until there are `least_count` of them. -#}
{% macro expanding_percentile(column, least_count, period) -%}
case
    when {{ column }} is not null and count({{ column }}) over (order by {{ period }}) >= {{ least_count }}
        then round(
            100.0
            * len(list_filter(
                list({{ column }}) over (partition by {{ column }} is null order by {{ period }}), lambda other: other <= {{ column }}
            ))
            / count({{ column }}) over (order by {{ period }}),
            6
        )
end
{%- endmacro %}
