{#- Leveraged and inverse funds, on the session of their net asset value. What a fund must trade at the close
    to keep its leverage L is (L^2 - L) x assets before x return of the index, of the sign of the return for both kinds.
    The index return is that of the unlevered benchmark fund, dividends included; without it, what the fund's own NAV
    implies. A change of assets is the flow that the two reports show between them, or it is performance. -#}
with benchmark as (
    select
        p.ticker,
        p.session_date,
        p.total_return_ratio as index_return,
        p.known_at,
        p.return_known_at
    from {{ ref('prices_daily') }} as p
    where p.ticker in (select benchmark_ticker from {{ source('catalog', 'funds') }} where leverage <> 1)
),
spy_volume as (
    select
        session_date,
        -- dollars traded: of prices that came adjusted for dividends they are not known
        case
            when count(volume_shares) filter (where price_basis = 'as_traded') over last_20 = 20
                then avg(close_usd * volume_shares) over last_20 / 1e6
        end as adv,
        max(known_at) over last_20 as settled_at
    from {{ ref('prices_daily') }}
    where ticker = 'SPY'
    window last_20 as (order by session_date rows between 20 preceding and 1 preceding)
),
days as (
    select
        s.session_seq,
        r.report_date as session_date,
        r.ticker,
        c.leverage,
        c.benchmark_ticker,
        r.net_assets_usd_mn as assets,
        r.net_assets_before_usd_mn as assets_before,
        -- sessions since the report before, whatever the flow between the two is of: a run of unchanged shares that ends
        -- spreads its flow over all of it, but a fund trades at every close
        least(
            r.span_sessions_count, s.session_seq - lag(s.session_seq) over (partition by r.ticker order by s.session_seq)
        ) as span,
        b.index_return as benchmark_return,
        r.nav_return_ratio / c.leverage as implied_return,
        r.flow_usd_mn as reported_flow,
        f.flow_usd_mn as flow,
        greatest(r.known_at, b.known_at) as known_at,
        greatest(r.settled_at, f.settled_at, b.return_known_at) as settled_at
    from {{ ref('etf_flows_daily') }} as r
    inner join {{ source('catalog', 'funds') }} as c on r.ticker = c.ticker and c.leverage <> 1
    inner join {{ ref('sessions') }} as s on r.report_date = s.session_date
    left join benchmark as b on c.benchmark_ticker = b.ticker and r.report_date = b.session_date
    -- with a lag of one session the orders of this session stand in the next report
    left join {{ ref('etf_flows_daily') }} as f
        on r.ticker = f.ticker and r.report_date = f.session_date and {{ has_report('f') }}
),
measured as (
    select
        *,
        coalesce(case when span = 1 then benchmark_return end, implied_return) as index_return,
        span = 1 and benchmark_return is not null as is_of_benchmark,
        {{ base_before('assets', 252, then_date='date_252', partition_by='ticker') }} as assets_252,
        case when count(reported_flow) over last_252 = 252 then sum(reported_flow) over last_252 end as flow_252
    from ({{ with_dates_back('days', ref('sessions'), [252]) }})
    window last_252 as (partition by ticker order by session_seq rows between 251 preceding and current row)
)
select
    m.session_date,
    m.ticker,
    m.leverage as leverage_ratio,
    m.leverage < 0 as is_inverse,
    m.benchmark_ticker,
    round(m.assets, 6) as net_assets_usd_mn,
    round(m.assets_before, 6) as net_assets_before_usd_mn,
    round(m.index_return, 10) as index_return_ratio,
    case
        when m.is_of_benchmark then 'benchmark' when m.implied_return is not null then 'implied by NAV'
    end as index_return_basis,
    round(m.flow, 6) as flow_usd_mn,
    round(m.leverage * m.flow, 6) as exposure_flow_usd_mn,
    case when m.span = 1
        then round((m.leverage * m.leverage - m.leverage) * m.assets_before * m.index_return, 6)
    end as rebalance_demand_usd_mn,
    case when m.span = 1
        then round(100 * (m.leverage * m.leverage - m.leverage) * m.assets_before * m.index_return / nullif(v.adv, 0), 6)
    end as rebalance_spy_adv_pct,
    round(m.assets - m.assets_before, 6) as net_assets_change_usd_mn,
    round(m.reported_flow, 6) as reported_flow_usd_mn,
    round(m.assets - m.assets_before - m.reported_flow, 6) as performance_usd_mn,
    round(100 * (m.assets / nullif(m.assets_252, 0) - 1), 6) as net_assets_change_252d_pct,
    round(m.assets - m.assets_252, 6) as net_assets_change_252d_usd_mn,
    round(m.flow_252, 6) as flow_252d_usd_mn,
    round(m.assets - m.assets_252 - m.flow_252, 6) as performance_252d_usd_mn,
    m.known_at,
    max(greatest(m.settled_at, m.known_at, v.settled_at)) over (partition by m.ticker order by m.session_seq) as settled_at
from measured as m
left join spy_volume as v on m.session_date = v.session_date
