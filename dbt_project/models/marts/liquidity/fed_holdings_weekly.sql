{#- What the Federal Reserve holds in securities at each H.4.1 Wednesday, and the pace of its purchases or run-off.
    A change is against the Wednesday of exactly that many weeks before; a missing one leaves it NULL. -#}
with held as (
    select *, treasuries + mbs as holdings
    from ({{ side_by_side(ref('int_observations_latest'), {'fed_treasuries': 'treasuries', 'fed_mbs': 'mbs'}, named='week_date') }}) as w
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
from held
