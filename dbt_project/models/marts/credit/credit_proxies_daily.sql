{#- What prices of bond funds say of credit, with a long free history: high yield over Treasuries, and whether
    spreads widen while shares stand near their high. -#}
with funds as (
    select
        session_date,
        max(close_split_adjusted_usd) filter (where ticker = 'HYG') as hyg,
        max(close_split_adjusted_usd) filter (where ticker = 'IEF') as ief,
        max(close_dividend_adjusted_usd) filter (where ticker = 'HYG') as hyg_total,
        max(close_dividend_adjusted_usd) filter (where ticker = 'IEF') as ief_total,
        max(known_at) as known_at
    from {{ ref('prices_daily') }}
    where ticker in ('HYG', 'IEF')
    group by session_date
),
index_closes as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {'sp500_close': 'sp500'}) }}
),
highs as (
    select
        *,
        case when count(sp500) over last_252 >= 240 then max(sp500) over last_252 end as sp500_high
    from index_closes
    window last_252 as (order by session_seq rows between 251 preceding and current row)
),
spine as (
    select session_date, session_seq from {{ ref('sessions') }}
    where session_date >= least((select min(session_date) from funds), (select min(session_date) from {{ ref('credit_daily') }}))
),
joined as (
    select
        s.session_date,
        s.session_seq,
        f.hyg,
        f.ief,
        f.hyg_total,
        f.ief_total,
        f.known_at as funds_known_at,
        h.sp500,
        h.sp500_known_at,
        h.sp500_high,
        c.hy_oas_change_21d_bp,
        c.hy_oas_known_at
    from spine as s
    left join funds as f on s.session_date = f.session_date
    left join highs as h on s.session_date = h.session_date
    left join {{ ref('credit_daily') }} as c on s.session_date = c.session_date
),
returns as (
    select
        *,
        100 * (hyg_total / {{ base_before('hyg_total', 21) }} - 1) as hyg_return_21d,
        100 * (ief_total / {{ base_before('ief_total', 21) }} - 1) as ief_return_21d,
        100 * (sp500 / sp500_high - 1) as below_high
    from joined
)
select
    session_date,
    round(hyg / ief, 8) as hyg_ief_ratio,
    round(100 * (hyg / ief / {{ base_before('(hyg / ief)', 21) }} - 1), 6) as hyg_ief_change_21d_pct,
    round(hyg_return_21d, 6) as hyg_total_return_21d_pct,
    round(ief_return_21d, 6) as ief_total_return_21d_pct,
    round(hyg_return_21d - ief_return_21d, 6) as hyg_ief_total_return_21d_pct,
    funds_known_at,
    hy_oas_change_21d_bp,
    round(below_high, 6) as sp500_below_252d_high_pct,
    hy_oas_change_21d_bp >= 25 and round(below_high, 6) >= -3 as is_credit_equity_divergence,
    -- one input that is below its threshold decides without the other
    case when (hy_oas_change_21d_bp >= 25 and round(below_high, 6) >= -3) is not null
        then greatest(
            case when hy_oas_change_21d_bp is not null then hy_oas_known_at end, case when below_high is not null then sp500_known_at end
        )
    end as divergence_known_at
from returns
where session_date >= (
    select min(session_date) from returns where hyg is not null or ief is not null or hy_oas_change_21d_bp is not null
)
