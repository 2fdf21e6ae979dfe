{#- Claims of each week that ends on a Saturday. Continued claims of a week are printed a week after its initial ones: the row
    is there with the first and is complete with the second. -#}
with weeks as (
    select
        period_date as week_date,
        max(value) filter (where series_id = 'initial_claims') as claims,
        max(known_at) filter (where series_id = 'initial_claims') as claims_known_at,
        max(value) filter (where series_id = 'continued_claims') as continued,
        max(known_at) filter (where series_id = 'continued_claims' and value is not null) as continued_known_at
    from {{ ref('int_observations_latest') }}
    where series_id in ('initial_claims', 'continued_claims')
    group by period_date
    having claims is not null or continued is not null
),
placed as (
    select
        *,
        case when count(claims) over last_four = 4 then avg(claims) over last_four end as claims_4w,
        max(claims_known_at) over last_four as last_four_known_at,
        max(claims) over a_year_before as claims_1y,
        max(claims_known_at) over a_year_before as claims_1y_known_at
    from weeks
    window
        last_four as (order by week_date range between interval 21 days preceding and current row),
        a_year_before as (order by week_date range between interval 364 days preceding and interval 364 days preceding)
)
select
    week_date,
    claims as claims_count,
    round(claims_4w, 6) as claims_4w_mean_count,
    round(100 * (claims / claims_1y - 1), 6) as claims_yoy_pct,
    continued as continued_count,
    greatest(claims_known_at, last_four_known_at, claims_1y_known_at, continued_known_at) as known_at
from placed
