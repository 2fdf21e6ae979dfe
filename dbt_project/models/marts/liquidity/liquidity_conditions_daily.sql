{#- How much it costs to trade, from daily bars of SPY: Amihud's price move per dollar traded, and the
    spread of Corwin and Schultz from highs and lows of two days. A day that opens beyond the close before is moved back by the
    gap; a negative spread counts as 0. Prices that came adjusted for dividends are not what was paid: shares times such a price are
    no dollars traded, and there is no move per dollar; a spread is a ratio of prices of two days, and stays. Neither is the depth of an order book. Beside them what the Fed and the Treasury did, as
    it was known at the session's cut-off: the pace of the Fed's holdings and the net issuance of 20 sessions, the newest of each
    while it is fresh. -#}
with bars as (
    select b.*, p.price_basis
    from ({{ split_adjusted_bars(ref('prices_daily'), ref('sessions'), ['SPY']) }}) as b
    inner join {{ ref('prices_daily') }} as p on b.ticker = p.ticker and b.session_date = p.session_date
),
paired as (
    select
        *,
        lag(session_seq) over by_day = session_seq - 1 as is_next_day,
        lag(close_usd) over by_day as close_before,
        lag(high_usd) over by_day as high_before,
        lag(low_usd) over by_day as low_before,
        lag(known_at) over by_day as known_before
    from bars
    window by_day as (order by session_seq)
),
-- what the day has to be moved by, so that it begins at the close before
shifted as (
    select
        *,
        case
            when low_usd > close_before then close_before - low_usd
            when high_usd < close_before then close_before - high_usd
            else 0
        end as gap
    from paired
    where is_next_day
),
ranged as (
    select
        *,
        pow(ln(high_before / low_before), 2) + pow(ln((high_usd + gap) / (low_usd + gap)), 2) as beta,
        pow(ln(greatest(high_before, high_usd + gap) / least(low_before, low_usd + gap)), 2) as gamma
    from shifted
),
estimated as (
    select
        session_date,
        session_seq,
        price_basis,
        greatest(known_at, known_before) as known_at,
        -- in basis points per billion dollars
        case
            when price_basis = 'as_traded'
                then 10000 * abs(close_usd / close_before - 1) / nullif(close_usd * volume_shares / 1e9, 0)
        end as move_per_bn,
        (sqrt(2 * beta) - sqrt(beta)) / (3 - 2 * sqrt(2)) - sqrt(gamma / (3 - 2 * sqrt(2))) as alpha
    from ranged
),
spreads as (
    select
        *,
        case when alpha is not null then greatest(2 * (exp(alpha) - 1) / (1 + exp(alpha)), 0) end as spread
    from estimated
),
averaged as (
    select
        *,
        case when count(move_per_bn) over last_21 = 21 then round(avg(move_per_bn) over last_21, 8) end as amihud,
        case when count(spread) over last_21 = 21 then round(10000 * avg(spread) over last_21, 6) end as spread_21d,
        max(known_at) over last_21 as window_known_at
    from spreads
    window last_21 as (order by session_seq rows between 20 preceding and current row)
),
-- a change is known when both of its weeks are; a late vintage of an older week changes nothing
pace as (
    select *
    from (
        select
            week_date,
            change_4w_usd_bn,
            greatest(known_at, max(known_at) over (
                order by week_date range between interval 28 days preceding and interval 28 days preceding
            )) as known_at
        from {{ ref('fed_holdings_weekly') }}
    ) as w
    qualify week_date >= max(week_date) over (order by known_at)
),
supply as (
    select record_date, bills_net_20d_usd_bn, coupons_net_20d_usd_bn, known_at
    from {{ ref('treasury_supply_daily') }}
    qualify record_date >= max(record_date) over (order by known_at)
),
beside as (
    select
        a.*,
        case when a.session_date - p.week_date <= 9 then p.change_4w_usd_bn end as pace,
        p.week_date,
        case when pace is not null then p.known_at end as pace_known_at,
        a.session_date - u.record_date <= 6 as is_supply_fresh,
        case when is_supply_fresh then u.bills_net_20d_usd_bn end as bills,
        case when is_supply_fresh then u.coupons_net_20d_usd_bn end as coupons,
        u.record_date,
        case when is_supply_fresh then u.known_at end as supply_known_at
    from averaged as a
    inner join {{ ref('sessions') }} as s on a.session_date = s.session_date
    asof left join pace as p on s.cutoff_at >= p.known_at
    asof left join supply as u on s.cutoff_at >= u.known_at
)
select
    session_date,
    price_basis as spy_price_basis,
    round(move_per_bn, 8) as spy_move_bp_per_usd_bn,
    amihud as spy_amihud_21d_bp_per_usd_bn,
    {{ rolling_percentile('amihud', 252) }} as spy_amihud_1y_percentile,
    round(spread, 8) as spy_corwin_schultz_ratio,
    spread_21d as spy_corwin_schultz_21d_bp,
    pace as fed_holdings_change_4w_usd_bn,
    week_date as fed_holdings_week_date,
    bills as bills_net_20d_usd_bn,
    coupons as coupons_net_20d_usd_bn,
    record_date as supply_record_date,
    greatest(window_known_at, pace_known_at, supply_known_at) as known_at
from beside
