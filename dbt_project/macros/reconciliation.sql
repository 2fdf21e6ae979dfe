{#- Newest vintages of two providers of one series side by side, on the periods that both have. -#}
{% macro two_providers(series_ids, first, second) %}
select
    a.series_id,
    a.period_date,
    a.value as first_value,
    b.value as second_value,
    abs(a.value - b.value) as difference
from ({{ newest_of(series_ids, first) }}) as a
inner join ({{ newest_of(series_ids, second) }}) as b
    on a.series_id = b.series_id and a.period_date = b.period_date
{% endmacro %}


{% macro newest_of(series_ids, provider) %}
select series_id, period_date, arg_max(struct_pack(value), ({{ newest_last() }})).value as value
from {{ ref('int_observations_all') }}
where series_id in ('{{ series_ids | join("', '") }}') and provider = '{{ provider }}'
group by series_id, period_date
{% endmacro %}
