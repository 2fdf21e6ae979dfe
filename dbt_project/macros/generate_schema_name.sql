{#- Schemas are named as in architecture.md section 5, without dbt's `main_` in front. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
