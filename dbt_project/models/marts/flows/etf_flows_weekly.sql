{#- ICI's weekly estimate for all US ETFs beside the flows of our panel over the very same days: from the day
    after ICI's previous period to the last day of this one, so that its eight-day periods match. The panel is a part of
    the market, so signs are compared, and the ratio watched for breaks. -#}
with weeks as (
    select
        category,
        week_end_date,
        flow_usd_mn as ici_flow,
        known_at,
        lag(week_end_date) over (partition by category order by week_end_date) as after_date
    from {{ ref('stg_weekly_flows') }}
),
mapped as (
    select * from (values
        ('total', 'all_funds'),
        ('equity', 'all_equity'),
        ('domestic_equity', 'all_us_equity'),
        ('world_equity', 'intl_equity'),
        ('bond', 'all_bonds'),
        ('taxable_bond', 'all_bonds'),
        ('commodity', 'all_commodities')
    ) as pairs (ici_category, category)
),
summed as (
    select
        w.category,
        w.week_end_date,
        -- sessions that a panel was to report on: others have a row too
        count(f.panel_net_assets_usd_mn) as sessions_count,
        sum(f.known_flow_usd_mn) as flow,
        sum(f.known_net_assets_usd_mn) / nullif(sum(f.panel_net_assets_usd_mn), 0) as coverage,
        max(f.known_at) as known_at,
        max(f.settled_at) as settled_at
    from weeks as w
    inner join mapped as m on w.category = m.ici_category
    inner join {{ ref('etf_category_flows_daily') }} as f
        on m.category = f.category and f.session_date > w.after_date and f.session_date <= w.week_end_date
    group by w.category, w.week_end_date
),
due as (
    select w.category, w.week_end_date, count(*) as sessions_count
    from weeks as w
    inner join {{ ref('sessions') }} as s on s.session_date > w.after_date and s.session_date <= w.week_end_date
    group by w.category, w.week_end_date
),
beside as (
    select
        w.week_end_date,
        w.category,
        w.week_end_date - w.after_date as period_days,
        w.ici_flow,
        case when f.sessions_count = d.sessions_count and f.coverage >= 0.8 then f.flow end as panel_flow,
        f.coverage,
        greatest(w.known_at, f.known_at) as known_at,
        greatest(w.known_at, f.settled_at) as settled_at
    from weeks as w
    left join summed as f on w.category = f.category and w.week_end_date = f.week_end_date
    left join due as d on w.category = d.category and w.week_end_date = d.week_end_date
),
signed as (
    select
        *,
        -- a sign needs a flow on both sides
        case when panel_flow <> 0 and ici_flow <> 0 then sign(panel_flow) = sign(ici_flow) end as is_same_sign
    from beside
)
select
    week_end_date,
    category,
    period_days,
    round(ici_flow, 6) as ici_flow_usd_mn,
    round(panel_flow, 6) as panel_flow_usd_mn,
    round(coverage, 6) as panel_coverage_ratio,
    case
        when panel_flow is not null then null
        when category not in (select ici_category from mapped) then 'the panel has no such funds'
        when period_days is null then 'first period'
        else 'coverage'
    end as reason_text,
    -- of a year whose weeks are all there
    case
        when min(week_end_date) over this_year <= make_date(year(week_end_date), 1, 9)
            and count(ici_flow) over this_year = count(*) over this_year
            and coalesce(max(period_days) over this_year, 0) <= 9
            then round(sum(ici_flow) over this_year, 6)
    end as ici_flow_ytd_usd_mn,
    is_same_sign,
    case when count(is_same_sign) over last_52 >= 26
        then round(count(*) filter (where is_same_sign) over last_52 / count(is_same_sign) over last_52, 6)
    end as sign_agreement_52w_ratio,
    round(panel_flow / nullif(ici_flow, 0), 6) as panel_ici_ratio,
    known_at,
    max(settled_at) over (partition by category order by week_end_date) as settled_at
from signed
window
    this_year as (partition by category, year(week_end_date) order by week_end_date),
    last_52 as (partition by category order by week_end_date rows between 51 preceding and current row)
