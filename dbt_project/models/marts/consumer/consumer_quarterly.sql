{#- What card holders pay, and what is not paid, by quarter. The card rates are those of the quarter's middle month, the only
    one they are printed for; the margin waits for the whole quarter of the fed funds rate. -#}
with rates as (
    {{- side_by_side(ref('int_observations_latest'), {
        'card_rate_all_accounts': 'rate_all', 'card_rate_assessed_interest': 'rate_assessed',
        'card_delinquency_30dpd_banks': 'dpd30'
    }, period="date_trunc('quarter', period_date)::date", named='quarter_date', of_values=true) }}
),
-- the sum of decimals is exact: of doubles, with Kahan's correction too, the last digit goes by the order of the rows,
-- and a rounding at a tie shows it
fed_funds as (
    select
        date_trunc('quarter', period_date)::date as quarter_date,
        avg(value::decimal(18, 6)) as effr,
        max(known_at) as known_at
    from {{ ref('int_observations_latest') }}
    where series_id = 'effr'
    group by 1
    -- whole: a quarter has 61 to 64 of the Fed's working days, and its last is at most four days from its end
    having count(value) >= 58 and min(period_date) - quarter_date <= 4
        and last_day(quarter_date + interval 2 month) - max(period_date) <= 4
),
loans as (
    select
        quarter_date,
        {%- for loan in ['card', 'auto', 'student'] %}
        max(dpd90_pct) filter (where loan_type = '{{ loan }}') as {{ loan }}_dpd90,
        max(flow_dpd90_pct) filter (where loan_type = '{{ loan }}') as {{ loan }}_flow,
        {%- endfor %}
        max(balance_usd_bn) filter (where loan_type = 'card') as card_balance,
        max(balance_usd_bn) filter (where loan_type = 'all') as debt,
        max(known_at) as known_at
    from ({{ newest('new_york_fed', 'household_debt') }}) as newest_loans
    group by quarter_date
)
select
    coalesce(r.quarter_date, l.quarter_date) as quarter_date,
    r.rate_all as card_rate_all_pct,
    r.rate_assessed as card_rate_assessed_pct,
    round(f.effr, 6) as effr_mean_pct,
    round(r.rate_all - round(f.effr, 6), 6) as bank_margin_pct,
    r.dpd30 as card_30dpd_banks_pct,
    l.card_dpd90 as card_90dpd_pct,
    l.card_flow as card_flow_90dpd_pct,
    l.auto_dpd90 as auto_90dpd_pct,
    l.auto_flow as auto_flow_90dpd_pct,
    l.student_dpd90 as student_90dpd_pct,
    l.student_flow as student_flow_90dpd_pct,
    l.card_balance as card_balance_usd_bn,
    l.debt as household_debt_usd_bn,
    greatest(r.known_at, l.known_at, f.known_at) as known_at
from rates as r
full join loans as l on r.quarter_date = l.quarter_date
left join fed_funds as f on r.quarter_date = f.quarter_date
