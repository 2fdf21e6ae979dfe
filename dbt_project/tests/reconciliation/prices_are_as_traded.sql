-- A large panel without splits and dividends was adjusted before it came: its closes are not what was paid.
{{ config(severity='warn', tags=['reconciliation']) }}
select
    provider,
    count(distinct ticker) as tickers,
    min(session_date) as first_date,
    max(session_date) as last_date
from {{ ref('prices_daily') }}
where price_basis = 'adjusted'
group by provider
