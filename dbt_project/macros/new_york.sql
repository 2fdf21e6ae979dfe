{#- The moment, naive UTC, at which clocks in New York show `local` (an SQL timestamp). -#}
{% macro new_york(local) -%}
make_timestamp(epoch_us(timezone('America/New_York', {{ local }})))
{%- endmacro %}
