{#- Every column lies in its range [least, greatest], both included; NULL passes. `reason` says where the ranges come
    from. -#}
{% test values_in_range(model, ranges, reason) %}
{% for column, range in ranges.items() %}
select '{{ column }}' as out_of_range, {{ column }}::double as seen, {{ range[0] }} as least, {{ range[1] }} as greatest
from {{ model }}
where {{ column }} not between {{ range[0] }} and {{ range[1] }}
{{ 'union all' if not loop.last }}
{% endfor %}
{% endtest %}
