{#- What the marts of sectors are about: the sector funds of the S&P 500, funds of industries, and a stock that leads one. -#}
{% macro sector_tickers() -%}
{{ return({
    'XLB': 'sector', 'XLC': 'sector', 'XLE': 'sector', 'XLF': 'sector', 'XLI': 'sector', 'XLK': 'sector', 'XLP': 'sector',
    'XLRE': 'sector', 'XLU': 'sector', 'XLV': 'sector', 'XLY': 'sector',
    'IGV': 'industry', 'SMH': 'industry', 'SOXX': 'industry', 'MSFT': 'leader',
}) }}
{%- endmacro %}


{#- The baskets of the defensive/cyclical ratio, fixed before any test. -#}
{% macro sector_baskets() -%}
{{ return({'defensive': ['XLP', 'XLU', 'XLV'], 'cyclical': ['XLY', 'XLI', 'XLB', 'XLF', 'XLK']}) }}
{%- endmacro %}


{#- Levels that were stated for a leader on a day, on the split basis of that day: above confirms, below breaks. -#}
{% macro leader_levels() -%}
{{ return([{'fund': 'IGV', 'leader': 'MSFT', 'stated': '2026-02-06', 'above': 430, 'below': 397}]) }}
{%- endmacro %}


{#- Days from which a volume-weighted average price is counted. -#}
{% macro vwap_anchors() -%}
{{ return(['2020-03-23', '2022-10-12', '2025-04-08']) }}
{%- endmacro %}


{#- Bars of `tickers` (a list, or a relation with a column ticker) on one split basis, not adjusted for dividends. -#}
{% macro split_adjusted_bars(prices, sessions, tickers) -%}
select
    p.ticker,
    p.session_date,
    s.session_seq,
    row_number() over (partition by p.ticker order by s.session_seq) as bar_seq,
    p.open_usd / p.split_factor_ratio as open_usd,
    p.high_usd / p.split_factor_ratio as high_usd,
    p.low_usd / p.split_factor_ratio as low_usd,
    p.close_split_adjusted_usd as close_usd,
    p.volume_split_adjusted_shares as volume_shares,
    p.split_factor_ratio,
    p.known_at
from {{ prices }} as p
inner join {{ sessions }} as s on p.session_date = s.session_date
{%- if tickers is string %}
where p.ticker in (select ticker from {{ tickers }})
{%- else %}
where p.ticker in ('{{ tickers | join("', '") }}')
{%- endif %}
{%- endmacro %}


{#- The stop-fall events in `bars`, and how each ended. RSI is Wilder's: its averages begin with the mean of
    the first 14 changes and lose 1/14 with each bar, so that a change weighs 13/14 of the next. Weights are counted from the
    newest bar: the oldest of 35 years are still numbers. -#}
{% macro stop_fall_events(bars) -%}
with stepped as (
    select
        *,
        close_usd - lag(close_usd) over by_ticker as step,
        round(close_usd / {{ base_before('close_usd', 10, partition_by='ticker') }} - 1, 10) as return_10d,
        case
            when count(volume_shares) over fifty_before = 50
                then round(volume_shares / nullif(avg(volume_shares) over fifty_before, 0), 8)
        end as volume_ratio,
        pow(13 / 14, max(bar_seq) over (partition by ticker) - greatest(bar_seq, 15)) as weight,
        case when count(*) over last_6 = 6 then min(close_usd) over last_6 end as anchor_close,
        arg_min(session_date, close_usd) over last_6 as anchor_date,
        min(low_usd) over last_6 as anchor_low
    from {{ bars }}
    window
        by_ticker as (partition by ticker order by session_seq),
        fifty_before as (partition by ticker order by session_seq rows between 50 preceding and 1 preceding),
        last_6 as (partition by ticker order by session_seq rows between 5 preceding and current row)
),
measured as (
    select
        *,
        lag(close_usd) over by_ticker as close_before,
        case
            when bar_seq > 14
                then round(
                    100 * sum(greatest(step, 0) * weight) over by_ticker / nullif(sum(abs(step) * weight) over by_ticker, 0), 8
                )
        end as rsi_14
    from stepped
    window by_ticker as (partition by ticker order by session_seq)
),
fallen as (
    select
        *,
        bool_or(coalesce(rsi_14 <= 30, false) or coalesce(return_10d <= -0.10, false)) over (
            partition by ticker order by session_seq rows between 3 preceding and current row
        ) as is_oversold
    from measured
),
events as (
    select
        *,
        row_number() over (partition by ticker order by session_seq) as event_seq
    from fallen
    where is_oversold
        and close_usd > close_before
        and round(close_usd - open_usd, 8) > 0
        and round(high_usd - low_usd, 8) > 0
        and round(close_usd - low_usd - 0.7 * (high_usd - low_usd), 8) >= 0
        and volume_ratio >= 1.2
        and anchor_close is not null
),
followed as (
    select
        e.ticker,
        e.event_seq,
        min(b.session_date) filter (where b.close_usd < e.anchor_close) as invalidated_date,
        min(b.session_date) filter (where round(b.close_usd - e.anchor_low, 8) < 0) as below_low_date,
        max(b.session_date) filter (where b.bar_seq = e.bar_seq + 60) as last_date
    from events as e
    inner join fallen as b on e.ticker = b.ticker and b.bar_seq > e.bar_seq and b.bar_seq <= e.bar_seq + 60
    group by e.ticker, e.event_seq
)
select
    e.ticker,
    e.session_date as event_date,
    e.ticker || ' ' || e.anchor_date as cluster_id,
    e.anchor_date,
    e.close_usd,
    e.anchor_close,
    e.anchor_low,
    e.volume_ratio,
    e.rsi_14,
    e.return_10d,
    case
        when f.invalidated_date is not null then 'invalidated'
        when f.last_date is not null then 'expired'
        else 'active'
    end as state,
    f.invalidated_date,
    f.below_low_date,
    case when f.invalidated_date is null then f.last_date end as expired_date,
    e.known_at
from events as e
left join followed as f on e.ticker = f.ticker and e.event_seq = f.event_seq
{%- endmacro %}
