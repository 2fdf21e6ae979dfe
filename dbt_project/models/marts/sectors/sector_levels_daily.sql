{#- Levels of sector funds that can be said by rule: the 20-week average, the volume-weighted average
    price since fixed days and since the year began, two candles, and levels stated for a leader. Trend lines and cups need a
    drawing hand: they are not here. -#}
{%- set leaders = leader_levels() -%}
with bars as (
    {{ split_adjusted_bars(ref('prices_daily'), ref('sessions'), sector_tickers().keys() | list) }}
),
-- the average of a week that is not over has the session's own close in place of the week's last
weekly as (
    select
        ticker,
        date_trunc('week', session_date)::date as week_date,
        arg_max(close_usd, session_seq) as close_usd
    from bars
    group by ticker, date_trunc('week', session_date)
),
weeks_before as (
    select
        ticker,
        week_date,
        case when count(*) over before = 19 then sum(close_usd) over before end as sum_of_19
    from weekly
    window before as (partition by ticker order by week_date rows between 19 preceding and 1 preceding)
),
priced as (
    select
        b.*,
        (w.sum_of_19 + b.close_usd) / 20 as sma_20w,
        (b.high_usd + b.low_usd + b.close_usd) / 3 * b.volume_shares as turnover,
        lag(b.open_usd) over by_ticker as open_before,
        lag(b.close_usd) over by_ticker as close_before,
        {{ base_before('b.close_usd', 5, seq='b.session_seq', day='b.session_date', partition_by='b.ticker') }} as close_5_before,
        min(b.session_date) over (partition by b.ticker) as first_date,
        abs(b.close_usd - b.open_usd) as body,
        least(b.open_usd, b.close_usd) - b.low_usd as lower_shadow,
        b.high_usd - greatest(b.open_usd, b.close_usd) as upper_shadow
    from bars as b
    left join weeks_before as w on b.ticker = w.ticker and date_trunc('week', b.session_date)::date = w.week_date
    window by_ticker as (partition by b.ticker order by b.session_seq)
)
select
    p.session_date,
    p.ticker,
    round(p.close_usd, 8) as close_split_adjusted_usd,
    round(p.sma_20w, 8) as sma_20w_usd,
    round(100 * (p.close_usd / p.sma_20w - 1), 6) as sma_20w_distance_pct,
    {%- for anchor in vwap_anchors() %}
    case
        when p.session_date >= date '{{ anchor }}' and p.first_date <= date '{{ anchor }}'
            then round(
                sum(p.turnover) filter (where p.session_date >= date '{{ anchor }}') over by_ticker
                / nullif(sum(p.volume_shares) filter (where p.session_date >= date '{{ anchor }}' and p.turnover is not null) over by_ticker, 0), 8
            )
    end as vwap_since_{{ anchor | replace('-', '') }}_usd,
    {%- endfor %}
    round(
        sum(p.turnover) over of_year / nullif(sum(p.volume_shares) filter (where p.turnover is not null) over of_year, 0), 8
    ) as vwap_of_year_usd,
    -- differences of prices that are equal to the cent are not equal as floating-point numbers
    round(p.lower_shadow - 2 * p.body, 8) >= 0 and round(p.upper_shadow - p.body, 8) <= 0 and round(p.high_usd - p.low_usd, 8) > 0
        and p.close_usd < p.close_5_before as is_hammer,
    round(p.close_before - p.open_before, 8) < 0 and round(p.close_usd - p.open_usd, 8) > 0
        and round(p.open_usd - p.close_before, 8) <= 0 and round(p.close_usd - p.open_before, 8) >= 0 as is_bullish_engulfing,
    case
        {%- for one in leaders %}
        when p.ticker = '{{ one.leader }}' and p.session_date >= date '{{ one.stated }}'
            then case
                when p.close_usd * arg_min(p.split_factor_ratio, p.session_date) filter (where p.session_date >= date '{{ one.stated }}') over (partition by p.ticker)
                    > {{ one.above }} then 'above {{ one.above }}'
                when p.close_usd * arg_min(p.split_factor_ratio, p.session_date) filter (where p.session_date >= date '{{ one.stated }}') over (partition by p.ticker)
                    < {{ one.below }} then 'below {{ one.below }}'
                else 'between'
            end
        {%- endfor %}
    end as stated_level_state,
    p.known_at
from priced as p
window
    by_ticker as (partition by p.ticker order by p.session_seq),
    of_year as (partition by p.ticker, year(p.session_date) order by p.session_seq)
