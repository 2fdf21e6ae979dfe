{#- The rate after a meeting: the average of a month after it without a meeting, else what the rest of its own month must average. -#}
{% macro rate_after(contract, before) -%}
coalesce(
    {{ contract }}.next_implied,
    ({{ contract }}.own_implied * {{ contract }}.month_days - {{ before }} * {{ contract }}.days_before)
    / nullif({{ contract }}.month_days - {{ contract }}.days_before, 0)
)
{%- endmacro %}


{#- The probability of a move of one step (25 basis points), or of more than one, in the direction `sign` (-1 or 1): the expected number of
    steps lies between two whole ones, and is split between them. -#}
{% macro share_of_move(steps, sign, is_larger=false) -%}
case
    when {{ steps }} is not null
        then {% if is_larger -%}
        least(greatest({{ sign }} * {{ steps }} - 1, 0), 1)
        {%- else -%}
        greatest(1 - abs({{ sign }} * {{ steps }} - 1), 0)
        {%- endif %}
end
{%- endmacro %}
