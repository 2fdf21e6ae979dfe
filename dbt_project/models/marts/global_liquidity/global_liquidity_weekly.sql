{#- Balance sheets of four central banks at each H.4.1 Wednesday, as they were known when the Fed's first was: every other
    bank's newest statement of then, and the rate of exchange of then. A bank that has none, or none that is recent, leaves
    the sums that it is part of NULL, and `missing_text` says which it is. -#}
{%- set banks = {
    'ecb': ('ecb_assets', 'weekly', 21, 'eurusd', 'EUR bn'),
    'boj': ('boj_assets', 'monthly', 60, 'usdjpy', 'JPY bn'),
    'pboc': ('pboc_assets', 'monthly', 75, 'usdcny', 'CNY bn'),
} -%}
with weeks as (
    select
        period_date as day,
        min(known_at) as moment,
        arg_min(value, known_at) as fed
    from {{ ref('int_agreed') }}
    where series_id = 'fed_total_assets' and value is not null
    group by period_date
),
{%- for bank, (series_id, frequency, limit_days, currency, unit) in banks.items() %}
{{ bank }} as ({{ known_then('weeks', series_id, frequency, limit_days) }}),
{{ currency }} as ({{ known_then('weeks', currency, 'daily', 14) }}),
{%- endfor %}
parts as (
    select
        w.day as week_date,
        w.moment as known_at,
        w.fed,
        {%- for bank, (series_id, frequency, limit_days, currency, unit) in banks.items() %}
        {{ bank }}.value as {{ bank }}_own,
        {{ bank }}.period_date as {{ bank }}_date,
        {{ bank }}.lack_text as {{ bank }}_lack_text,
        {{ currency }}.value as {{ currency }},
        {{ currency }}.period_date as {{ currency }}_date,
        {{ currency }}.lack_text as {{ currency }}_lack_text,
        {%- if currency == 'eurusd' %}
        {{ bank }}.value * {{ currency }}.value as {{ bank }},
        {%- else %}
        {{ bank }}.value / {{ currency }}.value as {{ bank }},
        {%- endif %}
        {%- endfor %}
    from weeks as w
    {%- for bank, (series_id, frequency, limit_days, currency, unit) in banks.items() %}
    left join {{ bank }} on w.day = {{ bank }}.day
    left join {{ currency }} on w.day = {{ currency }}.day
    {%- endfor %}
),
summed as (
    select
        *,
        round(fed + ecb + boj, 6) as three_banks,
        round(fed + ecb + boj + pboc, 6) as four_banks
    from parts
)
select
    week_date,
    fed as fed_assets_usd_bn,
    {%- for bank, (series_id, frequency, limit_days, currency, unit) in banks.items() %}
    {{ bank }}_own as {{ bank }}_assets_number,
    '{{ unit }}' as {{ bank }}_assets_unit,
    {{ bank }}_date as {{ bank }}_assets_obs_date,
    {{ currency }} as {{ bank }}_{{ currency }}_rate,
    {{ currency }}_date as {{ bank }}_{{ currency }}_obs_date,
    round({{ bank }}, 6) as {{ bank }}_assets_usd_bn,
    {%- endfor %}
    three_banks as three_banks_usd_bn,
    four_banks as four_banks_usd_bn,
    {%- for sum in ('three_banks', 'four_banks') %}
    round(100 * ({{ sum }} / max({{ sum }}) over (
        order by week_date range between interval 91 days preceding and interval 91 days preceding
    ) - 1), 6) as {{ sum }}_change_13w_pct,
    {%- endfor %}
    nullif(concat_ws(
        '; '
        {%- for bank, (series_id, frequency, limit_days, currency, unit) in banks.items() %}
        {%- for name, own in {series_id: bank, currency: currency}.items() %},
        '{{ name }}: ' || {{ own }}_lack_text
        {%- endfor %}
        {%- endfor %}
    ), '') as missing_text,
    known_at
from summed
