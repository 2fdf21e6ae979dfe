-- Over the last 250 days of both providers a series fits its audit series best on the same day. Where it fits the day before or
-- after better, one of the two is dated by another clock: the values are right and their dates are not, so nothing is refused.
{{ config(severity='warn', tags=['reconciliation']) }}
with paired as (
    {%- for series_id, first, second in [
        ('usdjpy', 'yahoo', 'fred'), ('sp500_close', 'yahoo', 'fred'), ('vix_close', 'cboe', 'fred')
    ] %}
    select *, '{{ first }}' as provider, '{{ second }}' as audit_provider
    from ({{ two_providers([series_id], first, second) }}) as pair
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),
lagged as (
    select
        series_id,
        provider,
        audit_provider,
        period_date,
        ln(first_value / lag(first_value) over by_day) as moved,
        ln(second_value / lag(second_value) over by_day) as audit_same,
        row_number() over (partition by series_id order by period_date desc) as age
    from paired
    where first_value > 0 and second_value > 0
    window by_day as (partition by series_id order by period_date)
),
shifted as (
    select
        *,
        lag(audit_same) over (partition by series_id order by period_date) as audit_before,
        lead(audit_same) over (partition by series_id order by period_date) as audit_after
    from lagged
    where age <= 250
),
fits as (
    select
        series_id,
        provider,
        audit_provider,
        max(period_date) as last_date,
        count(*) as days,
        corr(moved, audit_same) as same_day,
        corr(moved, audit_before) as day_before,
        corr(moved, audit_after) as day_after
    from shifted
    where moved is not null and audit_before is not null and audit_same is not null and audit_after is not null
    group by series_id, provider, audit_provider
)
select *
from fits
where days >= 100 and greatest(day_before, day_after) > same_day
