{#- The order of vintages of one key, wherever the newest of them is asked for: the greatest known_at; of two of one moment
    the one that landed later, of two that landed together the one of the greater payload hash. warehouse/latest.py has the
    same order for the raw tables. `of`: the alias of the relation, with its dot. -#}
{% macro newest_first(of='') -%}
{{ of }}known_at desc, {{ of }}loaded_at desc, {{ of }}payload_sha256 desc
{%- endmacro %}


{#- The same order the other way round; in brackets it is what arg_max and arg_min compare. -#}
{% macro newest_last(of='') -%}
{{ of }}known_at, {{ of }}loaded_at, {{ of }}payload_sha256
{%- endmacro %}
