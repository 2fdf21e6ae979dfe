-- iShares' documents do not name the fund they are of: a wrong address gives another fund's counts. A net asset value is
-- within a few percent of the close on the market; the median of the last 20 sessions forgives a day of panic.
{{ config(severity='warn', tags=['reconciliation'], meta={'dagster': {'ref': {'name': 'stg_fund_days'}}}) }}
select
    ticker,
    count(*) as sessions_count,
    median(nav_usd / close_usd - 1) as nav_over_close_ratio
from (
    select n.ticker, n.nav_usd, p.close_usd
    from {{ ref('stg_fund_days') }} as n
    inner join {{ ref('prices_daily') }} as p on n.ticker = p.ticker and n.report_date = p.session_date
    where n.nav_usd is not null and p.close_usd > 0
    qualify row_number() over (partition by n.ticker order by n.report_date desc) <= 20
)
group by ticker
having abs(median(nav_usd / close_usd - 1)) > 0.10
