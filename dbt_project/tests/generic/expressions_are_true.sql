{#- No row contradicts any of the expressions. A NULL (a missing part) contradicts nothing. `reason` says where a bound
    or a tolerance comes from. -#}
{% test expressions_are_true(model, expressions, reason=none) %}
{% for expression in expressions %}
select '{{ expression | replace("'", "''") }}' as contradicted, *
from {{ model }}
where not ({{ expression }})
{{ 'union all by name' if not loop.last }}
{% endfor %}
{% endtest %}
