{#- Ratios of prices: defensive over cyclical sectors, geometric means of split-adjusted closes without
    dividends; semiconductors over the market, small over large companies. A ratio of levels changes with the split basis,
    its own changes do not. -#}
{%- set baskets = sector_baskets() -%}
{%- set tickers = baskets['defensive'] + baskets['cyclical'] + ['SMH', 'SPY', 'QQQ', 'IWM'] -%}
with closes as (
    select
        s.session_date,
        s.session_seq,
        p.ticker,
        p.close_split_adjusted_usd as close_usd,
        p.known_at
    from {{ ref('prices_daily') }} as p
    inner join {{ ref('sessions') }} as s on p.session_date = s.session_date
    where p.ticker in ('{{ tickers | join("', '") }}')
),
wide as (
    select
        session_date,
        session_seq,
        {%- for basket, members in baskets.items() %}
        case
            when count(*) filter (where ticker in ('{{ members | join("', '") }}')) = {{ members | length }}
                then exp(avg(ln(close_usd)) filter (where ticker in ('{{ members | join("', '") }}')))
        end as {{ basket }},
        {%- endfor %}
        {%- for ticker in ['SMH', 'SPY', 'QQQ', 'IWM'] %}
        max(close_usd) filter (where ticker = '{{ ticker }}') as {{ ticker | lower }},
        {%- endfor %}
        max(known_at) as known_at
    from closes
    group by session_date, session_seq
),
ratios as (
    select
        *,
        round(defensive / cyclical, 8) as defensive_cyclical,
        round(iwm / spy, 8) as iwm_spy
    from wide
),
-- the last session before with a ratio as high: since then it has not been higher
high_since as (
    select a.session_seq, max(b.session_date) as high_since_date
    from ratios as a
    inner join ratios as b on b.session_seq < a.session_seq and b.defensive_cyclical >= a.defensive_cyclical
    group by a.session_seq
)
select
    r.session_date,
    r.defensive_cyclical as defensive_cyclical_ratio,
    round(
        100 * (r.defensive_cyclical / {{ base_before('r.defensive_cyclical', 21, seq='r.session_seq', day='r.session_date') }} - 1), 6
    ) as defensive_cyclical_change_21d_pct,
    case when r.defensive_cyclical is not null then h.high_since_date end as high_since_date,
    round(r.smh / r.spy, 8) as smh_spy_ratio,
    r.smh / r.spy > 0.52 as is_smh_spy_above_052,
    round(r.smh / r.qqq, 8) as smh_qqq_ratio,
    r.smh / r.qqq > 0.52 as is_smh_qqq_above_052,
    r.iwm_spy as iwm_spy_ratio,
    round(
        100 * (r.iwm_spy / {{ base_before('r.iwm_spy', 21, seq='r.session_seq', day='r.session_date') }} - 1), 6
    ) as iwm_spy_return_21d_pct,
    round(
        100 * (r.iwm_spy / {{ base_before('r.iwm_spy', 63, seq='r.session_seq', day='r.session_date') }} - 1), 6
    ) as iwm_spy_return_63d_pct,
    r.known_at
from ratios as r
left join high_since as h on r.session_seq = h.session_seq
