-- LIQ-07, CON-08: deposits less withdrawals are the change of the account's close, and the lines of a side add up to its
-- total. Every figure is rounded to the million: two balances and two totals miss by less than three.
{{ config(severity='warn', tags=['reconciliation'], meta={'dagster': {'ref': {'name': 'int_observations_latest'}}}) }}
with flows as (
    select
        record_date,
        {{ signed_sum("line_bucket = 'total'", 'Deposits') }} as total,
        {{ signed_sum("line_bucket <> 'total'", 'Deposits') }} as lines
    from ({{ newest('treasury', 'deposits_withdrawals') }})
    group by record_date
),
balance as (
    select period_date, 1000 * value as closing, lag(1000 * value) over (order by period_date) as before
    from {{ ref('int_observations_latest') }}
    where series_id = 'tga_daily'
)
select f.record_date, f.lines, f.total, b.closing - b.before as change
from flows as f
left join balance as b on f.record_date = b.period_date
-- some two hundred rounded lines
where abs(f.lines - f.total) > 25 or abs(f.total - (b.closing - b.before)) > 3
