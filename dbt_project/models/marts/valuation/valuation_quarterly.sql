{#- The market value of US equities beside output. Equities are of the quarter's end, output is the annual
    rate of the same quarter in the vintage known when the equities were: later estimates do not change a row. -#}
with equities as (
    {{- side_by_side(ref('int_observations_latest'), {
        'equities_nonfinancial': 'nonfinancial', 'equities_financial': 'financial'
    }, named='quarter_date') }}
),
-- of several providers or vintages known by then the newest one
output as (
    select e.quarter_date, arg_max(g.value, ({{ newest_last('g.') }})) as gdp, max(g.known_at) as gdp_known_at
    from equities as e
    inner join {{ ref('int_agreed') }} as g
        on g.series_id = 'gdp' and e.quarter_date = g.period_date and g.known_at <= e.known_at
    group by e.quarter_date
),
shares as (
    select
        e.*,
        o.gdp,
        o.gdp_known_at,
        round(100 * e.nonfinancial / o.gdp, 6) as nonfinancial_share,
        round(100 * (e.nonfinancial + e.financial) / o.gdp, 6) as whole_share
    from equities as e
    left join output as o on e.quarter_date = o.quarter_date
)
select
    quarter_date,
    nonfinancial as equities_nonfin_usd_bn,
    financial as equities_fin_usd_bn,
    gdp as gdp_usd_bn,
    gdp_known_at,
    whole_share as buffett_pct,
    nonfinancial_share as buffett_nonfin_pct,
    {{ expanding_percentile('whole_share', 40, 'quarter_date') }} as buffett_percentile,
    count(whole_share) over (order by quarter_date) as buffett_window_count,
    known_at
from shares
