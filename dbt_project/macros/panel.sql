{#- What reads panel tables: one row per key, the newest vintage of it. -#}

{#- The newest vintage of each key of a raw panel table; a withdrawn key is a row whose values are all NULL. Marts by
    period show what happened, so they take the newest vintage; known_at says since when it applies. -#}
{% macro newest_rows(relation, keys) %}
select *
from {{ relation }}
qualify row_number() over (partition by {{ keys | join(', ') }} order by {{ newest_first() }}) = 1
{% endmacro %}


{#- The same of a relation that is read whole: nearly every key has one vintage, and to rank those takes twice as long as to find
    the others. A filter does not reach the relation through it. -#}
{% macro newest_rows_of_all(relation, keys) %}
with several as materialized (
    select {{ keys | join(', ') }} from {{ relation }} group by all having count(*) > 1
)
select * from {{ relation }} anti join several using ({{ keys | join(', ') }})
union all
(
    select *
    from {{ relation }} semi join several using ({{ keys | join(', ') }})
    qualify row_number() over (partition by {{ keys | join(', ') }} order by {{ newest_first() }}) = 1
)
{% endmacro %}


{#- The relations of the tables that serve a concept, the preferred first. -#}
{% macro tables_serving(concept) %}
{%- set found = [] -%}
{%- for source_name, table in names_serving(concept) %}{% do found.append(source(source_name, table)) %}{% endfor -%}
{{ return(found) }}
{% endmacro %}


{#- The newest vintage of each key of a concept that one table serves. -#}
{% macro newest_serving(concept) %}{{ newest_rows(tables_serving(concept)[0], keys_of(concept)) }}{% endmacro %}


{#- The same of any raw table: `from ({{ newest('freight_board', 'positions') }})`. -#}
{% macro newest(source_name, table) %}
{{- newest_rows(source(source_name, table), keys_of_table(source_name ~ '.' ~ table)) -}}
{% endmacro %}


{#- Newest rows of several raw tables of one shape, and of each key only the first provider that has it. `relations` is
    in order of preference; `filled`: a column that a withdrawn row leaves NULL. A row that serves because a preferred
    provider withdrew its own is known since then. The first provider has nearly all keys, so what the others add is
    looked up: ranking all rows a second time would double the cost. -#}
{% macro newest_of_providers(relations, keys, filled) %}
with
{%- for relation in relations %}
provider_{{ loop.index }} as (
    {{ newest_rows_of_all(relation, keys) }}
){{ ',' if not loop.last }}
{%- endfor %}
{%- for relation in relations %}
{%- set rank = loop.index %}
select p.* replace (
    greatest(p.known_at{% for i in range(1, rank) %}, p{{ i }}.known_at{% endfor %}) as known_at
)
from provider_{{ rank }} as p
{%- for i in range(1, rank) %}
left join provider_{{ i }} as p{{ i }}
    on {% for key in keys %}p.{{ key }} = p{{ i }}.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endfor %}
where p.{{ filled }} is not null
{%- for i in range(1, rank) %} and p{{ i }}.{{ filled }} is null{% endfor %}
{{ 'union all by name' if not loop.last }}
{%- endfor %}
{% endmacro %}


{#- TRUE in the week (Monday to Friday) of the third Friday of March, June, September and December: expiries, index
    rebalances and the dividend-related creations of SPY fall there. -#}
{% macro in_quarterly_expiry_week(day) -%}
(month({{ day }}) in (3, 6, 9, 12) and day(date_trunc('week', {{ day }})::date + 4) between 15 and 21)
{%- endmacro %}


{#- TRUE for a row of etf_flows_daily that rests on a report. -#}
{% macro has_report(row) -%}
({{ row }}.reason_text is distinct from 'not yet' and {{ row }}.reason_text is distinct from 'no report')
{%- endmacro %}
