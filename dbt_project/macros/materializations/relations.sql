{#- How relations are written. dbt-duckdb makes each one under another name, renames twice and drops, and asks for its
    columns twice; for two hundred small relations that takes longer than their SQL, and two threads that rename while
    a third looks a schema up for the first time meet in dbt's cache. Here each is replaced in one statement: a select that
    fails leaves the one before. The contract is held to as in dbt's own materializations, before anything is written. -#}

{% materialization table, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {% do make_room_for(target) %}
    {%- set is_contract = config.get('contract').enforced -%}
    {%- if is_contract %}{% do get_assert_columns_equivalent(compiled_code) %}{% endif -%}
    {%- call statement('main') -%}
        create or replace table {{ target }} as
        {{ get_select_subquery(compiled_code) if is_contract else compiled_code }}
    {%- endcall -%}
    {% do persist_docs(target, model) %}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{% materialization view, adapter='duckdb' %}
    {%- set target = this.incorporate(type='view') -%}
    {% do make_room_for(target) %}
    {%- if config.get('contract').enforced %}{% do get_assert_columns_equivalent(compiled_code) %}{% endif -%}
    {%- call statement('main') -%}
        create or replace view {{ target }} as ({{ compiled_code }}
        )
    {%- endcall -%}
    {% do persist_docs(target, model) %}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- Drop what has the name of `target` and is of the other kind, which `create or replace` refuses to replace. -#}
{% macro make_room_for(target) -%}
    {%- set existing = load_cached_relation(target) -%}
    {%- if existing is not none and existing.type != target.type %}{% do adapter.drop_relation(existing) %}{% endif -%}
{%- endmacro %}
