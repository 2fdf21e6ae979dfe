{#- Breadth of today's members, carried back over all history: who failed or left is missing, so it flatters the past.
    For exploration, beside what it gets wrong (quant.md 5.1). Never an input of anything. -#}
{% macro breadth_survivor_biased_daily(features, members, breadth, sessions) %}
with survivors as (
    select universe, permid, max(known_at) as known_at
    from {{ members }}
    where end_date is null
    group by universe, permid
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
        100.0 * count(*) filter (where f.is_above_50dma) / nullif(count(f.is_above_50dma), 0) as above_50dma,
        100.0 * count(*) filter (where f.is_above_200dma) / nullif(count(f.is_above_200dma), 0) as above_200dma,
        greatest(max(f.known_at), max(m.known_at)) as known_at
    from survivors as m
    inner join {{ features }} as f on m.permid = f.permid
    group by m.universe, f.session_date
)
select
    s.session_date,
    c.universe,
    'today''s members on every session: survivors only' as universe_basis,
    (select count(*) from survivors as m where m.universe = c.universe) as members_count,
    c.priced_count,
    c.advances_count,
    c.declines_count,
    c.advances_count - c.declines_count as net_advances_count,
    c.new_highs_count,
    c.new_lows_count,
    round(100.0 * c.advances_count / nullif(c.priced_count, 0), 6) as advances_pct,
    round(c.above_50dma, 6) as above_50dma_pct,
    round(c.above_200dma, 6) as above_200dma_pct,
    b.coverage_ratio as honest_coverage_ratio,
    b.above_200dma_pct as honest_above_200dma_pct,
    round(100.0 * c.advances_count / nullif(c.priced_count, 0) - b.advances_pct, 6) as advances_gap_pct,
    round(c.above_50dma - b.above_50dma_pct, 6) as above_50dma_gap_pct,
    round(c.above_200dma - b.above_200dma_pct, 6) as above_200dma_gap_pct,
    greatest(c.known_at, b.known_at) as known_at
from counted as c
inner join {{ sessions }} as s on c.session_date = s.session_date
left join {{ breadth }} as b on c.universe = b.universe and c.session_date = b.session_date
{% endmacro %}
