{#- Long-term mutual funds and exchange-traded funds together, as ICI estimates them week by week, and for how many weeks in a
    row money has come in. A week without a figure, or a missing one (more than nine days after the one before), ends a
    streak: nobody knows what stands between. -#}
with weeks as (
    select
        category,
        week_end_date,
        flow_usd_mn as flow,
        known_at,
        week_end_date - lag(week_end_date) over of_category as period_days
    from ({{ newest('ici', 'combined_flows') }}) as newest_flows
    window of_category as (partition by category order by week_end_date)
),
runs as (
    select
        *,
        count(*) filter (where flow is null or flow <= 0 or period_days > 9) over (
            partition by category order by week_end_date
        ) as run
    from weeks
)
select
    week_end_date,
    category,
    period_days,
    round(flow, 6) as combined_flow_usd_mn,
    case
        when min(week_end_date) over this_year <= make_date(year(week_end_date), 1, 9)
            and count(flow) over this_year = count(*) over this_year
            and coalesce(max(period_days) over this_year, 0) <= 9
            then round(sum(flow) over this_year, 6)
    end as combined_flow_ytd_usd_mn,
    case when flow is not null then count(*) filter (where flow > 0) over so_far end as inflow_streak_count,
    case when flow is not null then coalesce(round(sum(flow) filter (where flow > 0) over so_far, 6), 0) end
        as inflow_streak_usd_mn,
    known_at,
    max(known_at) over (partition by category order by week_end_date) as settled_at
from runs
window
    this_year as (partition by category, year(week_end_date) order by week_end_date),
    so_far as (partition by category, run order by week_end_date)
