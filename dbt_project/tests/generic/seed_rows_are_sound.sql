{#- Every row of a table kept by hand names an https address as its source, says whether that was read, and has dates that can be:
    none before 1980, none NULL, on a weekday where `is_weekday` (an SQL condition) asks for one, and in the order of `before`. -#}
{% test seed_rows_are_sound(model, dates, is_weekday='false', before=[]) %}
select *
from {{ model }}
where source_url is null or not regexp_full_match(source_url, 'https://[a-z0-9.]+/\S*')
    or checked is null or not regexp_full_match(checked, 'unverified|verified 20\d\d-\d\d-\d\d')
    {%- for column in dates %}
    or {{ column }} is null or {{ column }} < date '1980-01-01'
    or (({{ is_weekday }}) and dayofweek({{ column }}) in (0, 6))
    {%- endfor %}
    {%- for order in before %}
    or not ({{ order }})
    {%- endfor %}
{% endtest %}
