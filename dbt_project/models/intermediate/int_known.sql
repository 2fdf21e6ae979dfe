{#- What was known of each series at each session's cut-off, one row per session and series of which
    anything was known by then:

      session_date, cutoff_at, series_id, value, unit, obs_date, known_at, known_basis, provider, reason

    The rule: per provider and period the newest vintage with known_at <= cut-off; a period whose newest vintage is
    NULL is gone; of the periods up to the session the greatest; of its providers the first in the catalog's order;
    then, when the period ended more calendar days ago than the provider's stale limit, value NULL and reason
    'stale' (obs_date, known_at and provider still say what the last one was); when that period is in dispute between
    publishers, value NULL and reason 'disputed'. A missing row: nothing was ever known.

    Joining sessions with all observations is quadratic. Here each vintage is placed at the session from which it can
    matter (both its moment and its period have come) and loses its place to the next vintage of its key. A key
    (series, provider, period) that is never withdrawn stays available for good, so the winner is a running maximum.
    The few keys that are withdrawn later are spread over the sessions they were available on, as far as no greater
    period overtook them, and compared with the running winner. -#}
-- only sessions whose cut-off has passed: what was known is final for them
with passed as (
    select session_seq, session_date, cutoff_at from {{ ref('sessions') }} where cutoff_at <= {{ run_at() }}
),
-- The first session on or after each day, and the first cut-off: looked up by key, they cost a fifth of an ASOF join. No
-- period is dated before 1800, which `priority` counts from.
by_day as (
    select unnest(generate_series(day_before + 1, session_date, interval 1 day))::date as day, session_seq
    from (
        select
            session_seq,
            session_date,
            coalesce(lag(session_date) over (order by session_seq), date '1799-12-31') as day_before
        from passed
    ) as followed
),
by_cutoff_day as (
    select
        unnest(generate_series(day_before + 1, cutoff_at::date, interval 1 day))::date as day,
        session_seq,
        cutoff_at,
        next_seq
    from (
        select
            session_seq,
            cutoff_at,
            coalesce(lag(cutoff_at::date) over (order by session_seq), date '1799-12-31') as day_before,
            lead(session_seq) over (order by session_seq) as next_seq
        from passed
    ) as followed
),
placed as (
    select
        o.*,
        -- greatest period first, then the first provider
        (o.period_date - date '1800-01-01') * 100 - o.provider_rank as priority,
        greatest(case when o.known_at <= k.cutoff_at then k.session_seq else k.next_seq end, p.session_seq) as seq
    from {{ ref('int_agreed') }} as o
    inner join by_cutoff_day as k on o.known_at::date = k.day
    inner join by_day as p on o.period_date = p.day
    -- what came after the last cut-off is not placed
    where o.known_at <= k.cutoff_at or k.next_seq is not null
),
-- nearly every key has one vintage, and to rank those takes as long as the rest
several as (
    select series_id, provider, period_date from placed group by all having count(*) > 1
),
spans as (
    select *, null::bigint as next_seq, false as is_withdrawn_later
    from placed
    where (series_id, provider, period_date) not in (select (series_id, provider, period_date) from several)
    union all by name
    select
        *,
        lead(seq) over newest_last as next_seq,
        bool_or(value is null and not is_disputed) over (newest_last rows between 1 following and unbounded following) as is_withdrawn_later
    from placed
    where (series_id, provider, period_date) in (select (series_id, provider, period_date) from several)
    window newest_last as (partition by series_id, provider, period_date order by {{ newest_last() }})
    -- replaced before the same cut-off: never seen by anyone
    qualify next_seq is null or next_seq > seq
),
-- the running winner among keys that stay available
arrivals as (
    select
        series_id,
        seq,
        arg_max(struct_pack(value, unit, period_date, known_at, known_basis, provider, is_disputed), priority) as pick,
        max(priority) as priority
    from spans
    where (value is not null or is_disputed) and is_withdrawn_later is not true
    group by series_id, seq
),
winners as (
    select * from arrivals
    qualify priority >= max(priority) over (partition by series_id order by seq)
),
-- keys withdrawn later, on each session they were available and not overtaken
withdrawn as (
    select * from spans where (value is not null or is_disputed) and is_withdrawn_later
),
-- no ASOF join: for the few that the planner expects it compares each with all
overtaken as (
    select w.series_id, w.priority as of_priority, min(n.seq) as overtaken_seq
    from (select distinct series_id, priority from withdrawn) as w
    inner join winners as n on w.series_id = n.series_id and w.priority < n.priority
    group by w.series_id, w.priority
),
withdrawn_on as (
    select
        w.series_id,
        s.session_seq as seq,
        arg_max(struct_pack(value, unit, period_date, known_at, known_basis, provider, is_disputed), priority) as pick,
        max(priority) as priority
    from withdrawn as w
    left join overtaken as o on w.series_id = o.series_id and w.priority = o.of_priority
    inner join passed as s
        on s.session_seq >= w.seq
        and s.session_seq < coalesce(w.next_seq, 1000000000)
        and s.session_seq < coalesce(o.overtaken_seq, 1000000000)
    group by w.series_id, s.session_seq
),
picked as (
    select
        g.session_date,
        g.cutoff_at,
        g.series_id,
        case when w.priority > coalesce(l.priority, w.priority - 1) then w.pick else l.pick end as pick
    from (
        select s.session_seq, s.session_date, s.cutoff_at, k.series_id
        from passed as s
        cross join (select distinct series_id from spans) as k
    ) as g
    asof left join winners as l on g.series_id = l.series_id and g.session_seq >= l.seq
    left join withdrawn_on as w on g.series_id = w.series_id and g.session_seq = w.seq
),
aged as (
    select
        p.session_date,
        p.cutoff_at,
        p.series_id,
        p.pick,
        p.session_date - {{ period_end('c.frequency', 'p.pick.period_date') }}
        > case
            when c.stale_limit_long_holiday_days is not null and {{ in_tokyo_long_holiday('p.session_date') }}
                then c.stale_limit_long_holiday_days
            else v.stale_limit_days
        end as is_stale
    from picked as p
    inner join {{ source('catalog', 'series') }} as c on p.series_id = c.series_id
    inner join {{ source('catalog', 'providers') }} as v on p.series_id = v.series_id and p.pick.provider = v.provider
    where p.pick is not null
)
select
    session_date,
    cutoff_at,
    series_id,
    case when is_stale then null else pick.value end as value,
    pick.unit as unit,
    pick.period_date as obs_date,
    pick.known_at as known_at,
    pick.known_basis as known_basis,
    pick.provider as provider,
    case when is_stale then 'stale' when pick.is_disputed then 'disputed' end as reason
from aged
