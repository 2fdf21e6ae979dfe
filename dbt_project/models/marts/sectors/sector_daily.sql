{#- Sector funds on each session: returns and ranks on split-adjusted closes without dividends, volume against
    the 50 sessions before, the gap of the open. Ranks are among the sectors that have a return. -#}
with bars as (
    {{ split_adjusted_bars(ref('prices_daily'), ref('sessions'), sector_tickers().keys() | list) }}
),
grouped as (
    select
        *,
        case ticker
            {%- for ticker, group in sector_tickers().items() %}
            when '{{ ticker }}' then '{{ group }}'
            {%- endfor %}
        end as ticker_group,
        case
            {%- for basket, tickers in sector_baskets().items() %}
            when ticker in ('{{ tickers | join("', '") }}') then '{{ basket }}'
            {%- endfor %}
        end as basket
    from bars
),
moved as (
    select
        *,
        round(100 * (close_usd / {{ base_before('close_usd', 1, then_date='date_1', partition_by='ticker') }} - 1), 6) as return_1d,
        round(100 * (close_usd / {{ base_before('close_usd', 21, then_date='date_21', partition_by='ticker') }} - 1), 6) as return_21d,
        case
            when lag(session_seq) over by_ticker = session_seq - 1
                then round(100 * (open_usd / lag(close_usd) over by_ticker - 1), 6)
        end as gap_open,
        case
            when count(volume_shares) over fifty_before = 50
                then round(volume_shares / nullif(avg(volume_shares) over fifty_before, 0), 6)
        end as volume_ratio
    from ({{ with_dates_back('grouped', ref('sessions'), [1, 21]) }})
    window
        by_ticker as (partition by ticker order by session_seq),
        fifty_before as (partition by ticker order by session_seq rows between 50 preceding and 1 preceding)
)
select
    session_date,
    ticker,
    ticker_group,
    basket,
    round(close_usd, 8) as close_split_adjusted_usd,
    return_1d as return_1d_pct,
    return_21d as return_21d_pct,
    case
        when ticker_group = 'sector' and return_1d is not null
            then rank() over (partition by session_date, ticker_group, return_1d is null order by return_1d desc)
    end::bigint as return_1d_rank,
    case
        when ticker_group = 'sector' and return_21d is not null
            then rank() over (partition by session_date, ticker_group, return_21d is null order by return_21d desc)
    end::bigint as return_21d_rank,
    count(return_1d) filter (where ticker_group = 'sector') over (partition by session_date) as sectors_count,
    volume_ratio,
    gap_open as gap_open_pct,
    abs(gap_open) >= 0.75 as is_gap_open,
    -- ranks and their count are of the other sectors too
    greatest(
        known_at, max(known_at) filter (where ticker_group = 'sector' and return_1d is not null) over (partition by session_date)
    ) as known_at
from moved
