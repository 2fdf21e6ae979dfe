{#- An error as one short sentence: without the page that a publisher answered with, whose bytes are in the archive. -#}
{% macro short_sentence(column, length=160) -%}
{%- set told -%}
trim(
    regexp_replace(
        -- from the first tag or declaration on it is a web page
        regexp_replace({{ column }}, '[\s:]*<[!?/a-zA-Z].*$', '', 's'), '\s+', ' ', 'g'
    )
)
{%- endset -%}
case when length({{ told }}) > {{ length }} then rtrim(left({{ told }}, {{ length - 1 }})) || '…' else nullif({{ told }}, '') end
{%- endmacro %}
