{#- The labour market by month, and the layoff composite: the mean of what is known of six z-scores, each against the ten years
    before it (60 months at least), higher always being worse. Of the claims it takes the four weeks that end with the last
    Saturday of the month. -#}
{%- set inputs = ['claims', 'layoffs_rate', 'permanent_losers', 'challenger', 'warn', 'item_205'] -%}
with monthly as (
    from ({{ side_by_side(ref('int_observations_latest'), {
        'unrate': 'unemployment', 'jolts_layoffs': 'layoffs', 'jolts_layoffs_rate': 'layoffs_rate',
        'permanent_job_losers': 'permanent_losers', 'challenger_cuts': 'challenger', 'adp_employment': 'adp'
    }, named='month_date', of_values=true) }}) as m
    where known_at is not null
),
claims as (
    select date_trunc('month', week_date)::date as month_date, claims_4w_mean_count as claims, known_at
    from {{ ref('labor_weekly') }}
    where month(week_date + 7) <> month(week_date) and claims_4w_mean_count is not null
),
filings as (
    select
        month_date,
        coalesce(sum(filings_count) filter (where item = '2.05'), 0)::bigint as item_205,
        max(known_at) as known_at
    from {{ ref('filings_8k_monthly') }}
    group by month_date
),
warn as (
    select month_date, workers_per_state_count as warn, known_at
    from {{ ref('warn_monthly') }}
    where workers_per_state_count is not null
),
months as (
    select month_date from monthly
    union
    select month_date from claims
    union
    select month_date from filings
    union
    select month_date from warn
),
joined as (
    select
        n.month_date,
        m.* exclude (month_date, known_at),
        c.claims,
        w.warn,
        f.item_205,
        greatest(m.known_at, c.known_at, w.known_at, f.known_at) as known_at
    from months as n
    left join monthly as m on n.month_date = m.month_date
    left join claims as c on n.month_date = c.month_date
    left join warn as w on n.month_date = w.month_date
    left join filings as f on n.month_date = f.month_date
),
placed as (
    select
        *,
        case when count(unemployment) over last_three = 3 then avg(unemployment) over last_three end as unemployment_3m,
        max(adp) over a_month_before as adp_1m,
        max(challenger) over a_year_before as challenger_1y,
        -- the z-scores look at all of these months
        max(known_at) over (
            order by month_date range between interval 120 month preceding and current row
        ) as window_known_at,
        {%- for name in inputs %}
        {{ zscore_of_months_before(name, 120, 60) }} as {{ name }}_zscore{{ ',' if not loop.last }}
        {%- endfor %}
    from joined
    window
        last_three as (order by month_date range between interval 2 month preceding and current row),
        a_month_before as (order by month_date range between interval 1 month preceding and interval 1 month preceding),
        a_year_before as (order by month_date range between interval 12 month preceding and interval 12 month preceding)
),
scored as (
    select
        *,
        list_filter(
            [{% for name in inputs %}{{ name }}_zscore{{ ', ' if not loop.last }}{% endfor %}], lambda one: one is not null
        ) as zscores
    from placed
)
select
    month_date,
    unemployment as unemployment_rate_pct,
    round(unemployment_3m, 6) as unemployment_3m_mean_pct,
    claims as claims_4w_mean_count,
    layoffs as layoffs_count,
    layoffs_rate as layoffs_rate_pct,
    permanent_losers as permanent_losers_count,
    challenger as challenger_cuts_count,
    round(100 * (challenger / nullif(challenger_1y, 0) - 1), 6) as challenger_yoy_pct,
    warn as warn_workers_per_state_count,
    item_205 as item_205_count,
    adp - adp_1m as adp_change_count,
    claims_zscore,
    layoffs_rate_zscore,
    permanent_losers_zscore,
    challenger_zscore,
    warn_zscore,
    item_205_zscore,
    case when len(zscores) >= 4 then round(list_avg(zscores), 6) end as layoff_composite_zscore,
    len(zscores) as inputs_count,
    window_known_at as known_at
from scored
