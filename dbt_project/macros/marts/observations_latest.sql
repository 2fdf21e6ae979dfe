{#- One row per series and period, without what only the build needs. `observations`: the newest value of each period. -#}
{% macro observations_latest(observations) %}
select
    series_id,
    period_date,
    value,
    unit,
    known_at,
    known_basis,
    provider,
    payload_sha256,
    loaded_at,
    licence
from {{ observations }}
-- a period on which publishers differ is there, without a value
where value is not null
{% endmacro %}
