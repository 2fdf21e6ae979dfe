{#- Breadth of today's members, carried back over all history: who failed or left is missing, so it flatters the past.
    For exploration, beside what it gets wrong. Never an input of anything. Even such a figure is one of the
    index only while half of the names are in it: before that it is NULL, each share by the names that it can be told of. -#}
with survivors as (
    select universe, permid, max(known_at) as known_at
    from {{ ref('stg_index_members') }}
    where end_date is null
    group by universe, permid
),
universes as (
    select universe, count(*) as members_count, max(known_at) as known_at from survivors group by universe
),
counted as (
    select
        m.universe,
        f.session_date,
        count(f.return_ratio) as priced_count,
        count(*) filter (where f.is_advance) as advances_count,
        count(*) filter (where f.is_decline) as declines_count,
        count(*) filter (where f.is_new_high_252d) as new_highs_count,
        count(*) filter (where f.is_new_low_252d) as new_lows_count,
        count(f.is_new_high_252d) as high_low_count,
        count(f.is_above_50dma) as average_50dma_count,
        100.0 * count(*) filter (where f.is_above_50dma) / nullif(count(f.is_above_50dma), 0) as above_50dma,
        count(f.is_above_200dma) as average_200dma_count,
        100.0 * count(*) filter (where f.is_above_200dma) / nullif(count(f.is_above_200dma), 0) as above_200dma,
        max(f.known_at) as known_at
    from survivors as m
    inner join {{ source('breadth', 'features') }} as f on m.permid = f.permid
    group by m.universe, f.session_date
),
-- every session of the honest table, which goes on where prices do not
gated as (
    select
        u.universe,
        s.session_date,
        u.members_count,
        coalesce(c.priced_count, 0) as priced_count,
        c.priced_count >= 0.5 * u.members_count as is_covered,
        case when c.priced_count >= 0.5 * u.members_count then c.advances_count end as advances_count,
        case when c.priced_count >= 0.5 * u.members_count then c.declines_count end as declines_count,
        case when c.high_low_count >= 0.5 * u.members_count then c.new_highs_count end as new_highs_count,
        case when c.high_low_count >= 0.5 * u.members_count then c.new_lows_count end as new_lows_count,
        case when c.average_50dma_count >= 0.5 * u.members_count then c.above_50dma end as above_50dma,
        case when c.average_200dma_count >= 0.5 * u.members_count then c.above_200dma end as above_200dma,
        b.coverage_ratio as honest_coverage,
        b.reason_text as honest_reason,
        b.advances_pct as honest_advances,
        b.above_50dma_pct as honest_above_50dma,
        b.above_200dma_pct as honest_above_200dma,
        greatest(c.known_at, u.known_at, b.known_at) as known_at
    from universes as u
    cross join {{ ref('sessions') }} as s
    left join counted as c on u.universe = c.universe and s.session_date = c.session_date
    left join {{ ref('breadth_daily') }} as b on u.universe = b.universe and s.session_date = b.session_date
    where c.session_date is not null or b.session_date is not null
)
select
    session_date,
    universe,
    'today''s members on every session: survivors only' as universe_basis,
    members_count,
    priced_count,
    round(priced_count / members_count, 6) as coverage_ratio,
    coalesce(is_covered, false) as is_covered,
    case
        when not coalesce(is_covered, false) then case when honest_reason = 'not yet' then 'not yet' else 'coverage' end
        when above_50dma is null then 'too few have an average of 50 sessions'
        when above_200dma is null then 'too few have an average of 200 sessions'
        when new_highs_count is null then 'too few have a history of 252 sessions'
    end as reason_text,
    advances_count,
    declines_count,
    advances_count - declines_count as net_advances_count,
    new_highs_count,
    new_lows_count,
    round(100.0 * advances_count / nullif(priced_count, 0), 6) as advances_pct,
    round(above_50dma, 6) as above_50dma_pct,
    round(above_200dma, 6) as above_200dma_pct,
    honest_coverage as honest_coverage_ratio,
    honest_above_200dma as honest_above_200dma_pct,
    round(100.0 * advances_count / nullif(priced_count, 0) - honest_advances, 6) as advances_gap_pct,
    round(above_50dma - honest_above_50dma, 6) as above_50dma_gap_pct,
    round(above_200dma - honest_above_200dma, 6) as above_200dma_gap_pct,
    known_at
from gated
