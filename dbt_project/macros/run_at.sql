{#- The moment of the run's clock, naive UTC. There is no other "now" in this project. -#}
{% macro run_at() -%}
  {%- if execute and not var('run_at') -%}
    {{ exceptions.raise_compiler_error("run_at is not set: give --vars with run_at, a naive UTC moment such as 2026-02-06 14:15:00") }}
  {%- endif -%}
  timestamp '{{ var("run_at") or "1970-01-01" }}'
{%- endmacro %}
