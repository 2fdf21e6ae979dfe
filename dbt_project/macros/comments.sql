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
