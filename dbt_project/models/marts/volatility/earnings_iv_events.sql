{#- What implied volatility did over earnings releases (VOL-12). A release before the open trades in the session of its day, one
    after the close in the next; where the time is not known, the snapshots lie outside the whole day. A snapshot quotes a session
    from a quarter of an hour after its open on. Of a release that the user files and the SEC both have the user's counts: an 8-K
    may follow the release it reports by days. -#}
with sessions as (
    select session_date, session_seq, open_at, close_at, open_at + interval 15 minutes as quoted_from_at
    from {{ source('calendar', 'sessions') }}
),
chains as (
    select symbol, session_date, snapshot_at, spot_usd, iv_30d_pct, iv_30d_reason, known_at from {{ ref('single_name_iv_daily') }}
),
by_user as (
    select ticker as symbol, release_date, timing, null::timestamp as accepted_at, 'user_file' as release_source, known_at
    from ({{ newest('user_file', 'earnings') }})
    where timing is not null
),
by_sec as (
    select
        ticker as symbol,
        coalesce(timezone('America/New_York', timezone('UTC', accepted_at))::date, file_date) as release_date,
        null::varchar as timing,
        accepted_at,
        'sec_8k' as release_source,
        known_at
    from (
        select ticker, file_date, known_at, case when known_basis = 'vintage' then known_at end as accepted_at
        from ({{ newest('sec', 'earnings_releases') }})
        where ciks is not null
    )
),
filed as (
    from by_user
    union all
    -- an 8-K may follow the release that it reports by four business days
    from by_sec as f
    where not exists (
        select 1 from by_user as u
        where u.symbol = f.symbol and u.release_date between f.release_date - 6 and f.release_date + 1
    )
),
dated as (
    select
        f.* exclude (timing),
        d.* exclude (session_date),
        case
            when f.timing is not null then f.timing
            when f.accepted_at < d.open_at then 'BMO'
            when f.accepted_at >= d.close_at then 'AMC'
            else 'UNKNOWN'
        end as timing,
        d.session_date > f.release_date as is_between_sessions
    from filed as f
    -- the session of its day, or the first after it
    asof join sessions as d on f.release_date <= d.session_date
    where f.symbol in (select symbol from chains)
    qualify row_number() over (partition by f.symbol, f.release_date order by f.known_at, f.accepted_at) = 1
),
releases as (
    select
        f.symbol,
        f.release_date,
        f.timing,
        f.release_source,
        f.known_at,
        coalesce(
            f.accepted_at,
            case when f.timing = 'BMO' or (f.timing = 'AMC' and f.is_between_sessions) then f.open_at when f.timing = 'AMC' then f.close_at end
        ) as released_at,
        b.quoted_from_at as before_until_at,
        a.quoted_from_at as after_from_at,
        a.session_date as reaction_date
    from dated as f
    inner join sessions as b on f.session_seq + (f.timing = 'AMC' and not f.is_between_sessions)::integer = b.session_seq
    inner join sessions as a on b.session_seq + (f.timing = 'UNKNOWN')::integer = a.session_seq
),
around as (
    select
        r.*,
        b.snapshot_at as before_at,
        b.session_date as before_date,
        b.spot_usd as spot_before,
        b.iv_30d_pct as iv_before,
        b.iv_30d_reason as reason_before,
        a.snapshot_at as after_at,
        a.session_date as after_date,
        a.spot_usd as spot_after,
        a.iv_30d_pct as iv_after,
        a.iv_30d_reason as reason_after,
        greatest(r.known_at, b.known_at, a.known_at) as both_known_at
    from releases as r
    asof join chains as b on r.symbol = b.symbol and r.before_until_at > b.snapshot_at
    asof join chains as a on r.symbol = a.symbol and r.after_from_at <= a.snapshot_at
    where b.snapshot_at > r.before_until_at - interval 7 days and a.snapshot_at < r.after_from_at + interval 7 days
),
expiries as (
    -- of expiries that both snapshots have: the first that the release falls into, and the first of five days or more
    select
        e.symbol,
        e.release_date,
        arg_min({'expiry': b.expiry_date, 'before': b.iv_pct, 'after': a.iv_pct}, b.expiry_date)
            filter (where a.expiry_date > e.after_date) as covering,
        arg_min({'expiry': b.expiry_date, 'before': b.iv_pct, 'after': a.iv_pct}, b.expiry_date)
            filter (where a.expiry_in_days >= 5) as front
    from around as e
    inner join {{ source('implied_volatility', 'at_the_money') }} as b on e.symbol = b.symbol and e.before_at = b.snapshot_at
    inner join {{ source('implied_volatility', 'at_the_money') }} as a
        on e.symbol = a.symbol and e.after_at = a.snapshot_at and b.expiry_date = a.expiry_date
    where b.iv_pct is not null and a.iv_pct is not null
    group by e.symbol, e.release_date
),
straddles as (
    select e.symbol, e.release_date, arg_min(b.straddle_pct, b.expiry_date) as implied_move_pct
    from around as e
    inner join {{ source('implied_volatility', 'at_the_money') }} as b on e.symbol = b.symbol and e.before_at = b.snapshot_at
    where b.straddle_pct is not null and b.expiry_date >= e.reaction_date
    group by e.symbol, e.release_date
),
others as (
    -- the other chains of the same two moments, but for those that reported in between
    select
        e.symbol,
        e.release_date,
        o.symbol as other,
        arg_min(o.iv_30d_pct, abs(epoch(o.snapshot_at - e.before_at)))
            filter (where o.snapshot_at between e.before_at - interval 1 hour and e.before_at + interval 1 hour) as iv_before,
        arg_min(o.iv_30d_pct, abs(epoch(o.snapshot_at - e.after_at)))
            filter (where o.snapshot_at between e.after_at - interval 1 hour and e.after_at + interval 1 hour) as iv_after,
        max(o.known_at) as known_at
    from around as e
    inner join chains as o on e.symbol <> o.symbol and o.session_date in (e.before_date, e.after_date)
    where
        o.iv_30d_pct is not null
        and o.snapshot_at between e.before_at - interval 1 hour and e.after_at + interval 1 hour
        and not exists (
            select 1 from releases as r
            where r.symbol = o.symbol and r.after_from_at > e.before_at and r.before_until_at <= e.after_at
        )
    group by e.symbol, e.release_date, o.symbol
),
placebo as (
    select symbol, release_date, median(100 * (iv_after / iv_before - 1)) as change, count(*) as names, max(known_at) as known_at
    from others
    where iv_before is not null and iv_after is not null
    group by symbol, release_date
)
select
    e.symbol,
    e.release_date,
    e.released_at,
    e.timing,
    e.release_source,
    e.before_at as before_snapshot_at,
    e.after_at as after_snapshot_at,
    e.iv_before as iv_before_pct,
    e.iv_after as iv_after_pct,
    round(100 * (e.iv_after / e.iv_before - 1), 4) as crush_pct,
    coalesce(e.reason_before, e.reason_after) as crush_reason,
    case when p.names >= 3 then round(p.change, 4) end as placebo_median_pct,
    coalesce(p.names, 0) as placebo_count,
    x.front.expiry as front_expiry_date,
    round(x.front.before, 4) as front_iv_before_pct,
    round(x.front.after, 4) as front_iv_after_pct,
    round(100 * (x.front.after / x.front.before - 1), 4) as front_crush_pct,
    x.covering.expiry as covering_expiry_date,
    round(x.covering.before, 4) as covering_iv_before_pct,
    round(x.covering.after, 4) as covering_iv_after_pct,
    round(100 * (x.covering.after / x.covering.before - 1), 4) as covering_crush_pct,
    e.spot_before as spot_before_usd,
    e.spot_after as spot_after_usd,
    round(100 * (e.spot_after / e.spot_before - 1), 4) as spot_move_pct,
    round(s.implied_move_pct, 4) as implied_move_pct,
    greatest(e.both_known_at, p.known_at) as known_at
from around as e
left join expiries as x on e.symbol = x.symbol and e.release_date = x.release_date
left join straddles as s on e.symbol = s.symbol and e.release_date = s.release_date
left join placebo as p on e.symbol = p.symbol and e.release_date = p.release_date
