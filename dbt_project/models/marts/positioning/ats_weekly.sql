{#- Off-exchange volume of a week by kind of venue, against the volume of all venues from our prices: only where every session of
    the week has a volume of the symbol. -#}
with weeks as (
    select
        week_date,
        ticker,
        any_value(tier) as tier,
        max(shares) filter (where venue_kind = 'ats') as ats_shares,
        max(shares) filter (where venue_kind = 'otc') as otc_shares,
        max(trades_count) filter (where venue_kind = 'ats') as ats_trades_count,
        max(trades_count) filter (where venue_kind = 'otc') as otc_trades_count,
        min(first_published_date) as first_published_date,
        bool_or(last_update_date > first_published_date) as is_restated,
        max(known_at) as published_at
    from ({{ newest('finra', 'ats_weekly') }})
    where shares is not null
    group by week_date, ticker
),
open_days as (
    select date_trunc('week', session_date)::date as week_date, count(*) as sessions_count
    from {{ ref('sessions') }}
    group by all
),
volumes as (
    select
        date_trunc('week', session_date)::date as week_date,
        ticker,
        count(volume_shares) as sessions_count,
        sum(volume_shares) as volume_shares,
        max(known_at) as known_at
    from {{ ref('prices_daily') }}
    where session_date >= (select min(week_date) from weeks)
    group by all
),
joined as (
    select w.*, v.volume_shares as consolidated_volume_shares, v.known_at as priced_at
    from weeks as w
    left join open_days as d on w.week_date = d.week_date
    left join volumes as v
        on w.week_date = v.week_date and w.ticker = v.ticker and v.sessions_count = d.sessions_count and v.volume_shares > 0
)
select
    week_date,
    ticker,
    tier,
    ats_shares,
    otc_shares,
    ats_trades_count,
    otc_trades_count,
    round(100.0 * ats_shares / nullif(ats_shares + otc_shares, 0), 6) as dark_share_pct,
    consolidated_volume_shares,
    round(100.0 * ats_shares / consolidated_volume_shares, 6) as ats_volume_share_pct,
    first_published_date,
    is_restated,
    greatest(published_at, priced_at) as known_at
from joined
