{#- Margin debt at month ends. The member firms counted changed in 2010-02, when the free credit of margin accounts begins:
    a comparison of a month from then on with one before is across that break, of a year in 12 months and of three months in 3. -#}
{%- set break_month = "date '2010-02-01'" -%}
with months as (
    {{- side_by_side(ref('int_observations_latest'), {
        'margin_debt': 'debit', 'free_credit_cash': 'free_cash', 'free_credit_margin': 'free_margin'
    }, of_values=true) }}
)
select
    m.period_date as month_date,
    m.debit as debit_usd_bn,
    m.free_cash as free_credit_cash_usd_bn,
    m.free_margin as free_credit_margin_usd_bn,
    round(100 * (m.debit / y.debit - 1), 6) as yoy_pct,
    round(100 * (m.debit / q.debit - 1), 6) as change_3m_pct,
    round(m.debit / nullif(m.free_cash + m.free_margin, 0), 6) as debit_to_free_ratio,
    round(m.debit / nullif(m.debit + m.free_cash + m.free_margin, 0), 6) as debit_share_ratio,
    {%- for name, before in [('yoy', 'y'), ('change_3m', 'q')] %}
    m.debit is not null and m.period_date >= {{ break_month }} and {{ before }}.debit is not null and {{ before }}.period_date < {{ break_month }}
        as is_{{ name }}_across_break,
    {%- endfor %}
    greatest(m.known_at, y.known_at, q.known_at) as known_at
from months as m
left join months as y on m.period_date = y.period_date + interval 1 year
left join months as q on m.period_date = q.period_date + interval 3 month
