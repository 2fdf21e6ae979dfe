{#- By how much two values may differ and be one: so many units, or a share of the larger one. -#}
{% macro tolerance(within, within_ratio, first, second) -%}
(coalesce({{ within }}, {{ within_ratio }} * greatest(abs({{ first }}), abs({{ second }}))) + 1e-9)
{%- endmacro %}
