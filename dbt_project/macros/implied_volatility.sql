{#- Implied volatility at `days` between two expiries, each a struct of `days` and `iv`: total variance (volatility squared
    times days) is linear between them. NULL where either is missing. -#}
{% macro implied_volatility_at(days, nearer, further) -%}
case
    when {{ nearer }}.days = {{ further }}.days then {{ nearer }}.iv
    else sqrt(
        (
            {{ nearer }}.iv ** 2 * {{ nearer }}.days * ({{ further }}.days - {{ days }})
            + {{ further }}.iv ** 2 * {{ further }}.days * ({{ days }} - {{ nearer }}.days)
        ) / (({{ further }}.days - {{ nearer }}.days) * {{ days }})
    )
end
{%- endmacro %}
