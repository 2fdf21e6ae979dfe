{#- How relations are written. dbt-duckdb's own way makes each table under another name, renames twice and drops, and asks
    for its columns twice; for two hundred small tables that takes longer than their SQL. -#}

{#- A table, replaced in one transaction: a select that fails leaves the one before. The contract is held to as in dbt's own
    materialization, before anything is written. -#}
{% materialization table, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set is_contract = config.get('contract').enforced -%}
    {%- if is_contract %}{% do get_assert_columns_equivalent(compiled_code) %}{% endif -%}
    {%- if existing is not none and not existing.is_table %}{% do adapter.drop_relation(existing) %}{% endif -%}
    {%- call statement('main') -%}
        create or replace table {{ target }} as
        {{ get_select_subquery(compiled_code) if is_contract else compiled_code }}
    {%- endcall -%}
    {% do persist_docs(target, model) %}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- Comments of a relation and its columns, in one statement. Of a contract it is known that it has the columns. -#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set columns = model.columns -%}
    {%- if not config.get('contract').enforced and columns -%}
        {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- set columns = validate_doc_columns(relation, columns, existing) -%}
    {%- endif -%}
    {%- set comments -%}
        {%- if model.description %}comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(model.description) }};{% endif %}
        {%- for name, column in columns.items() if column.description %}
        comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ duckdb_escape_comment(column.description) }};
        {%- endfor %}
    {%- endset -%}
    {%- if comments | trim %}{% do run_query(comments) %}{% endif -%}
{%- endmacro %}
