{#- Position of the trend proxy: mean of the eight signs, times min(2, 10 % over the volatility of 60 daily
    log returns), and the nearest prices at which a sign would turn on the next close. Without all eight signals there is no
    position. -#}
with closes as (
    {{ index_closes(ref('int_observations_latest'), ref('sessions')) }}
),
returns as (
    select
        *,
        ln(close_index / lag(close_index) over (partition by index_id order by session_seq)) as log_return
    from closes
),
volatility as (
    select
        session_date,
        index_id,
        close_index,
        known_at,
        case
            when count(log_return) over last_60 = 60 then stddev_samp(log_return) over last_60 * sqrt(252)
        end as sigma_60
    from returns
    window last_60 as (partition by index_id order by session_seq rows between 59 preceding and current row)
),
nearest as (
    select
        session_date,
        index_id,
        count(*) as signals_count,
        count(*) filter (where state = 'positive') as positive_count,
        count(*) filter (where state = 'negative') as negative_count,
        max(flip_index) filter (where flip_index < close_index) as below_index,
        first(signal order by flip_index desc, signal) filter (where flip_index < close_index) as below_signal,
        min(flip_index) filter (where flip_index > close_index) as above_index,
        first(signal order by flip_index, signal) filter (where flip_index > close_index) as above_signal,
        max(known_at) as known_at
    from {{ ref('trend_signals_daily') }}
    group by session_date, index_id
),
turning as (
    select
        n.session_date,
        n.index_id,
        count(*) filter (where t.state <> 'negative' and t.flip_index >= n.below_index) as turning_below_count,
        count(*) filter (where t.state <> 'positive' and t.flip_index <= n.above_index) as turning_above_count
    from nearest as n
    inner join {{ ref('trend_signals_daily') }} as t on n.session_date = t.session_date and n.index_id = t.index_id
    group by n.session_date, n.index_id
),
sized as (
    select
        n.*,
        v.close_index,
        v.sigma_60,
        t.turning_below_count,
        t.turning_above_count,
        case when n.signals_count = 8 then (n.positive_count - n.negative_count) / 8 end as mean_sign,
        -- least() ignores NULL: a volatility of zero gives 2, an unknown one nothing
        case when v.sigma_60 is not null then least(2, 0.10 / nullif(v.sigma_60, 0)) end as scaling
    from nearest as n
    inner join volatility as v on n.session_date = v.session_date and n.index_id = v.index_id
    inner join turning as t on n.session_date = t.session_date and n.index_id = t.index_id
)
select
    session_date,
    index_id,
    close_index,
    round(mean_sign * scaling, 6) as position_ratio,
    round(mean_sign, 6) as signals_mean_ratio,
    positive_count as signals_positive_count,
    negative_count as signals_negative_count,
    signals_count,
    round(100 * sigma_60, 6) as realised_vol_60d_pct,
    round(scaling, 6) as vol_scaling_ratio,
    below_signal as nearest_below_signal,
    below_index as nearest_below_index,
    round(100 * (below_index / close_index - 1), 6) as nearest_below_distance_pct,
    case when signals_count = 8 and below_index is not null then 100.0::double * turning_below_count / 8 end as nearest_below_flipped_pct,
    above_signal as nearest_above_signal,
    above_index as nearest_above_index,
    round(100 * (above_index / close_index - 1), 6) as nearest_above_distance_pct,
    case when signals_count = 8 and above_index is not null then 100.0::double * turning_above_count / 8 end as nearest_above_flipped_pct,
    known_at
from sized
