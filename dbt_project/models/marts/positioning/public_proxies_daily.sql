{#- What free sources show of things that only a file of the user's brings, each under its own name. Corporate bonds
    are hedged with Treasuries by a fixed ratio, an assumption that the project's variables state: a ratio fitted to the returns would
    hedge part of the spread away, and no free source has the durations of both funds.
    Sector proxies are the mean of two deviations: of the fund's flow over 21 sessions, in percent of its assets, and of its
    return over 21 sessions less that of SPY. -#}
{%- set sectors = [] -%}
{%- for ticker, group in sector_tickers().items() if group == 'sector' %}{% do sectors.append(ticker) %}{% endfor -%}
{%- set articles = ['stock_market_crash', 'recession', 'bear_market', 'margin_call'] -%}
with closes as (
    select p.session_date, s.session_seq, p.ticker, p.close_dividend_adjusted_usd as close_usd, p.known_at
    from {{ ref('prices_daily') }} as p
    inner join {{ ref('sessions') }} as s on p.session_date = s.session_date
    where p.ticker in ('LQD', 'IEF', 'HYG', 'BIZD', 'BKLN', 'SPY', '{{ sectors | join("', '") }}')
        and p.close_dividend_adjusted_usd > 0
),
returns as (
    select
        *,
        100 * (close_usd / {{ base_before('close_usd', 5, then_date='date_5', partition_by='ticker') }} - 1) as return_5d,
        100 * (close_usd / {{ base_before('close_usd', 21, then_date='date_21', partition_by='ticker') }} - 1) as return_21d,
        100 * (close_usd / {{ base_before('close_usd', 63, then_date='date_63', partition_by='ticker') }} - 1) as return_63d
    from ({{ with_dates_back('closes', ref('sessions'), [5, 21, 63]) }})
),
credit as (
    select
        session_date,
        session_seq,
        {%- for ticker, days in [('lqd', 5), ('ief', 5), ('hyg', 63), ('bizd', 63), ('bkln', 63)] %}
        max(return_{{ days }}d) filter (where ticker = '{{ ticker | upper }}') as {{ ticker }},
        max(known_at) filter (where ticker = '{{ ticker | upper }}') as {{ ticker }}_known_at,
        {%- endfor %}
    from returns
    where ticker in ('LQD', 'IEF', 'HYG', 'BIZD', 'BKLN')
    group by session_date, session_seq
),
weeks as (
    select
        s.session_date,
        s.session_seq,
        100 * (o.value / lag(o.value) over by_week - 1) as value,
        greatest(o.known_at, lag(o.known_at) over by_week) as known_at
    from (
        -- a week without a Friday is over once the next one has begun
        select session_date, session_seq from {{ ref('sessions') }}
        qualify session_date = max(session_date) over (partition by date_trunc('week', session_date))
            and (isodow(session_date) = 5 or session_date < max(session_date) over ())
    ) as s
    left join (
        select period_date, value, known_at from {{ ref('int_observations_latest') }} where series_id = 'sp500_close'
    ) as o on s.session_date = o.period_date
    window by_week as (order by s.session_seq)
),
views as (
    select
        period_date,
        period_date - date '2015-01-01' as day_seq,
        {%- for article in articles %}
        max(value) filter (where series_id = 'wiki_views_{{ article }}') as {{ article }},
        {%- endfor %}
        {{ articles | join(' + ') }} as basket,
        max(known_at) filter (where series_id = 'wiki_views_stock_market_crash') as crash_known_at,
        max(known_at) as known_at
    from {{ ref('int_observations_latest') }}
    where series_id in ('wiki_views_{{ articles | join("', 'wiki_views_") }}')
    group by period_date
),
read_days as (
    select
        s.session_date,
        s.session_seq,
        v.* exclude (period_date, day_seq),
        v.crash_zscore,
        v.basket_zscore
    from (
        select
            *,
            {{ rolling_zscore('stock_market_crash', 365, 375, seq='day_seq') }} as crash_zscore,
            {{ rolling_zscore('basket', 365, 375, seq='day_seq') }} as basket_zscore
        from views
    ) as v
    inner join {{ ref('sessions') }} as s on v.period_date = s.session_date
),
sector_moves as (
    select
        r.session_date,
        r.session_seq,
        r.ticker,
        r.return_21d - m.return_21d as relative_21d,
        case
            when count(f.flow_pct) over last_21 >= 19 then sum(f.flow_pct) over last_21
        end as flow_21d,
        greatest(r.known_at, m.known_at, f.flow_settled_at) as known_at
    from returns as r
    inner join returns as m on r.session_date = m.session_date and m.ticker = 'SPY'
    left join {{ ref('etf_flows_daily') }} as f on r.session_date = f.session_date and r.ticker = f.ticker
    where r.ticker in ('{{ sectors | join("', '") }}')
    window last_21 as (partition by r.ticker order by r.session_seq range between 20 preceding and current row)
),
sector_scores as (
    select
        session_date,
        session_seq,
        ticker,
        ({{ rolling_zscore('flow_21d', 252, 265, partition_by='ticker') }}
        + {{ rolling_zscore('relative_21d', 252, 265, partition_by='ticker') }}) / 2 as score,
        known_at
    from sector_moves
),
told as (
    select
        session_date,
        session_seq,
        'lqd_hedged_return_5d' as proxy_id,
        lqd - {{ var('lqd_hedge_ratio') }} * ief as value,
        greatest(lqd_known_at, ief_known_at) as known_at
    from credit
    {%- for ticker in ['bizd', 'bkln'] %}
    union all
    select session_date, session_seq, '{{ ticker }}_hyg_return_63d', {{ ticker }} - hyg, greatest({{ ticker }}_known_at, hyg_known_at)
    from credit
    {%- endfor %}
    union all
    select c.session_date, s.session_seq, 'ig_oas', c.ig_oas_bp, c.ig_oas_known_at
    from {{ ref('credit_daily') }} as c
    inner join {{ ref('sessions') }} as s on c.session_date = s.session_date
    {%- for proxy, column in [('spy_amihud_21d', 'spy_amihud_21d_bp_per_usd_bn'), ('spy_corwin_schultz_21d', 'spy_corwin_schultz_21d_bp')] %}
    union all
    select l.session_date, s.session_seq, '{{ proxy }}', l.{{ column }}, l.known_at
    from {{ ref('liquidity_conditions_daily') }} as l
    inner join {{ ref('sessions') }} as s on l.session_date = s.session_date
    {%- endfor %}
),
scored as (
    select
        session_date,
        proxy_id,
        value,
        {{ rolling_zscore('value', 252, 265, partition_by='proxy_id') }} as year_zscore,
        known_at
    from told
    union all
    select session_date, 'sp500_down_week', value, null, known_at from weeks where round(value, 6) <= -1
    union all
    select session_date, 'wiki_stock_market_crash', stock_market_crash, crash_zscore, crash_known_at from read_days
    union all
    select session_date, 'wiki_panic_basket', basket, basket_zscore, known_at from read_days
    union all
    select session_date, 'sector_' || lower(ticker), score, score, known_at from sector_scores
)
select
    session_date,
    proxy_id,
    round(value, 6) as value,
    case
        {%- for proxy, one in public_proxies().items() %}
        when proxy_id = '{{ proxy }}' then '{{ one.unit }}'
        {%- endfor %}
        else 'zscore'
    end as unit,
    round(year_zscore, 6) as year_zscore,
    case
        {%- for proxy, one in public_proxies().items() %}
        when proxy_id = '{{ proxy }}' then '{{ one.stands_for }}'
        {%- endfor %}
        else 'prime_book_sector_zscore'
    end as stands_for,
    known_at
from scored
where value is not null
