-- Short interest: what is capped, floored or not comparable is said, not shown as a figure.
select
    settlement_date,
    ticker,
    short_shares,
    previous_short_shares,
    average_daily_volume_shares as adv20_shares,
    case when days_to_cover < 999.99 then days_to_cover end as days_to_cover,
    days_to_cover >= 999.99 as is_capped,
    days_to_cover = 1 and short_shares < average_daily_volume_shares as is_floored,
    round(short_shares / nullif(average_daily_volume_shares, 0), 6) as short_adv20_ratio,
    case
        when not is_split then round(100.0 * (short_shares / nullif(previous_short_shares, 0) - 1), 6)
    end as change_pct,
    is_split,
    is_revised as is_corrected,
    market_class,
    known_at
from ({{ newest('finra', 'short_interest') }})
where short_shares is not null
