{#- What balance the Treasury said it would have at the end of a quarter, and what it had: the close of the last
    statement up to that day, where the next one is at most six days later. The plan is known from the release on, the close later. -#}
{%- set as_of -%}
select * replace (
    {%- for column in ('actual_usd_bn', 'actual_date', 'actual_less_plan_usd_bn', 'actual_known_at') %}
    case when actual_known_at <= $moment then {{ column }} end as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
)
from stored.tga_plan
{%- endset -%}
{{ config(meta={'as_of': {'select': as_of}}) }}
with plans as (
    select
        *,
        make_timestamp(epoch_us(timezone('America/New_York', announced_date + announced_time::time))) as announced_at
    from {{ ref('treasury_borrowing_plans') }}
),
balance as (
    select period_date, value, known_at from {{ ref('int_observations_latest') }}
    where series_id = 'tga_daily' and value is not null
),
-- the last balance up to the quarter's end is that of its end once a statement of that day or of a later one is there
ended as (
    select
        p.*,
        case when a.period_date - b.period_date <= 6 then b.value end as actual,
        case when a.period_date - b.period_date <= 6 then b.period_date end as actual_date,
        case when a.period_date - b.period_date <= 6 then greatest(a.known_at, b.known_at) end as actual_known_at
    from plans as p
    asof left join balance as a on p.target_date <= a.period_date
    asof left join (select * from balance) as b on p.target_date >= b.period_date
)
select
    announced_at,
    target_date,
    plan_kind,
    planned_usd_bn,
    borrowing_usd_bn,
    prior_usd_bn,
    round(borrowing_usd_bn - prior_usd_bn, 6) as borrowing_change_usd_bn,
    actual as actual_usd_bn,
    actual_date,
    round(actual - planned_usd_bn, 6) as actual_less_plan_usd_bn,
    actual_known_at,
    source_url,
    checked,
    announced_at as known_at
from ended
where announced_at <= {{ run_at() }}
