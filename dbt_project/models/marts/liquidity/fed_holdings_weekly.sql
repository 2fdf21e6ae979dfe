{#- What the Federal Reserve holds in securities at each H.4.1 Wednesday, and the pace of its purchases or run-off (quant.md
    LIQ-13). A change is against the Wednesday of exactly that many weeks before; a missing one leaves it NULL. -#}
with held as (
    select
        period_date as week_date,
        max(value) filter (where series_id = 'fed_treasuries') as treasuries,
        max(value) filter (where series_id = 'fed_mbs') as mbs,
        max(known_at) as known_at
    from {{ ref('int_observations_latest') }}
    where series_id in ('fed_treasuries', 'fed_mbs')
    group by period_date
),
summed as (
    select *, treasuries + mbs as holdings from held
)
select
    week_date,
    treasuries as fed_treasuries_usd_bn,
    mbs as fed_mbs_usd_bn,
    round(holdings, 6) as fed_holdings_usd_bn,
    {%- for name, weeks in {'1w': 1, '4w': 4, '13w': 13}.items() %}
    round(holdings - max(holdings) over (
        order by week_date range between interval {{ 7 * weeks }} days preceding and interval {{ 7 * weeks }} days preceding
    ), 6) as change_{{ name }}_usd_bn,
    {%- endfor %}
    known_at
from summed
