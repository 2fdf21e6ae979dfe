{#- What reads panel tables: one row per key, the newest vintage of it. -#}

{#- The newest vintage of each key of a raw panel table; a withdrawn key is a row whose values are all NULL. Marts by
    period show what happened, so they take the newest vintage; known_at says since when it stands. -#}
{% macro newest_rows(relation, keys) %}
select *
from {{ relation }}
qualify row_number() over (partition by {{ keys | join(', ') }} order by known_at desc, loaded_at desc) = 1
{% endmacro %}


{#- Newest rows of several raw tables of one shape, and of each key only the first provider that has it. `relations` is
    in order of preference; `filled`: a column that a withdrawn row leaves NULL. The first provider has nearly all keys,
    so what the others add is looked up: ranking all rows a second time would double the cost. -#}
{% macro newest_of_providers(relations, keys, filled) %}
{%- set key = keys | join(', ') %}
with
{%- for relation in relations %}
provider_{{ loop.index }} as (
    select * from ({{ newest_rows(relation, keys) }}) where {{ filled }} is not null
){{ ',' if not loop.last }}
{%- endfor %}
{%- for relation in relations %}
select * from provider_{{ loop.index }}
{%- for rank in range(1, loop.index) %}
anti join provider_{{ rank }} using ({{ key }})
{%- endfor %}
{{ 'union all by name' if not loop.last }}
{%- endfor %}
{% endmacro %}


{#- TRUE in the week (Monday to Friday) of the third Friday of March, June, September and December: expiries, index
    rebalances and the dividend-related creations of SPY fall there (quant.md 6.4). -#}
{% macro in_quarterly_expiry_week(day) -%}
(month({{ day }}) in (3, 6, 9, 12) and day(date_trunc('week', {{ day }})::date + 4) between 15 and 21)
{%- endmacro %}
