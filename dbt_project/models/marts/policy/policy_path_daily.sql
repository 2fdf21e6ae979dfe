{#- What futures and Kalshi's markets say of each meeting to come (FUN-06).

    A contract settles at 100 less the average effective rate of its month. A decision counts from the day after: of a month of N days with
    the meeting on day m, average = (m * before + (N - m) * after) / N. Where the month after has no meeting, its average is `after` itself,
    which does not magnify a tick as N - m days do; whether it has one is known as far as the calendar reaches. A meeting
    that is called off is one until then. `before` of the next
    meeting is the effective rate (moved by a step announced since; NULL while it is not known what a meeting since then decided), of a later
    one what the meeting before leaves. A price without trade that is the one of the session before is stale, and no price.

    Kalshi's book of a session is the first one that is taken after the cut-off of the session before and by its own: of a morning before
    09:15, that of the session before; of the afternoon, that of the day itself. One taken again on the same day does not replace it. -#}
with recursive meetings as (
    select
        meeting_date,
        {{ new_york('known_date') }} as schedule_known_at,
        {{ new_york('called_off_date + called_off_time::time') }} as called_off_known_at
    from {{ ref('fomc_meetings') }}
    where is_scheduled
),
futures as (
    select
        f.session_date,
        f.delivery_month_date,
        100 - f.settle_index as implied,
        coalesce(f.volume_contracts, 0) = 0 and f.settle_index = lag(f.settle_index) over (
            partition by f.contract_code order by f.session_date
        ) is true as is_stale,
        f.known_at
    from ({{ newest('yahoo', 'futures') }}) as f
    where f.settle_index is not null
),
decided as ({{ decided_meetings() }}),
effective as (
    select
        d.session_date,
        case when u.undecided_date is null then e.value + coalesce(s.change, 0) / 100 end as effr,
        u.undecided_date,
        greatest(e.known_at, s.known_at, u.known_at) as known_at
    from (select distinct session_date from futures) as d
    inner join {{ ref('sessions') }} as n on d.session_date = n.session_date
    asof join (
        select period_date, value, known_at from {{ ref('int_observations_latest') }} where series_id = 'effr' and value is not null
    ) as e on d.session_date > e.period_date
    left join lateral (
        select sum(change) as change, max(known_at) as known_at
        from {{ ref('int_policy_steps') }} as p
        where p.announced_date <= d.session_date and p.effective_date > e.period_date
    ) as s on true
    -- a decision counts from the day after its meeting: the effective rate of the day itself is still the old one
    left join lateral (
        select max(m.meeting_date) filter (where o.meeting_date is null) as undecided_date, max(o.decision_known_at) as known_at
        from meetings as m
        left join decided as o on m.meeting_date = o.meeting_date
        where m.called_off_known_at is null and m.meeting_date between e.period_date and d.session_date
    ) as u on true
    where d.session_date - e.period_date <= 7
),
ahead as (
    select
        d.session_date,
        m.meeting_date,
        row_number() over (partition by d.session_date order by m.meeting_date) as meeting_seq,
        min(m.meeting_date) over (partition by d.session_date) as first_meeting_date,
        date_trunc('month', m.meeting_date)::date as own_month,
        (date_trunc('month', m.meeting_date) + interval 1 month)::date as next_month,
        date_trunc('month', lead(m.meeting_date) over (partition by d.session_date order by m.meeting_date))::date as month_of_next_meeting
    from (select session_date, max(known_at) as known_at from futures group by session_date) as d
    inner join meetings as m
        on m.meeting_date > d.session_date and m.schedule_known_at <= d.known_at
        and (m.called_off_known_at is null or m.called_off_known_at > d.known_at)
),
contracts as (
    select
        a.session_date,
        a.meeting_date,
        a.meeting_seq,
        -- the last meeting of the year of the first one, where the calendar reaches into the year after
        year(a.meeting_date) = year(a.first_meeting_date) and year(a.month_of_next_meeting) > year(a.meeting_date) as is_years_last,
        day(last_day(a.meeting_date)) as month_days,
        day(a.meeting_date) as days_before,
        case when not o.is_stale then o.implied end as own_implied,
        o.known_at as own_known_at,
        -- only where the calendar says that this month has no meeting
        case when a.month_of_next_meeting > a.next_month and not n.is_stale then n.implied end as next_implied,
        n.known_at as next_known_at,
        coalesce(o.is_stale, false) or coalesce(n.is_stale and a.month_of_next_meeting > a.next_month, false) as has_stale,
        o.implied is not null or (n.implied is not null and a.month_of_next_meeting > a.next_month) as has_price
    from ahead as a
    left join futures as o on a.session_date = o.session_date and a.own_month = o.delivery_month_date
    left join futures as n on a.session_date = n.session_date and a.next_month = n.delivery_month_date
    where a.meeting_seq <= 12
),
path as (
    select
        c.*,
        e.effr as rate_before,
        e.known_at as before_known_at,
        {{ rate_after('c', 'e.effr') }} as rate_after,
        case
            when e.undecided_date is not null then 'what the meeting of ' || e.undecided_date || ' decided is not known yet'
            when e.effr is null then 'no effective rate of the seven days before'
        end as before_lack_text
    from contracts as c
    left join effective as e on c.session_date = e.session_date
    where c.meeting_seq = 1
    union all
    select
        c.*,
        p.rate_after,
        greatest(p.before_known_at, p.own_known_at, p.next_known_at),
        {{ rate_after('c', 'p.rate_after') }},
        case when p.rate_after is null then 'what the meeting of ' || p.meeting_date || ' leaves is not known' end
    from path as p
    inner join contracts as c on p.session_date = c.session_date and p.meeting_seq + 1 = c.meeting_seq
),
moves as (
    select *, round((rate_after - rate_before) / 0.25, 9) as steps from path
),
by_futures as (
    select
        session_date,
        meeting_date,
        'yahoo' as source,
        {{ share_of_move('steps', -1, true) }} as cut_over_25bp,
        {{ share_of_move('steps', -1) }} as cut_25bp,
        case when steps is not null then greatest(1 - abs(steps), 0) end as hold,
        {{ share_of_move('steps', 1) }} as hike_25bp,
        {{ share_of_move('steps', 1, true) }} as hike_over_25bp,
        100 * (rate_after - rate_before) as expected_change,
        rate_before,
        rate_after,
        null::double as overround,
        rate_after is null and has_stale as is_price_stale,
        case
            when steps is not null then null
            when is_price_stale then 'a contract was not traded and kept its price'
            else coalesce(before_lack_text, 'no contract of a month that tells the rate after it')
        end as reason_text,
        meeting_seq = 1 as is_next,
        is_years_last,
        greatest(before_known_at, own_known_at, next_known_at) as known_at
    from moves
    where has_price
),
quotes as (
    select
        snapshot_date,
        meeting_date,
        outcome,
        -- nothing bid and a whole dollar asked is no quote
        case when bid_usd > 0 or ask_usd < 1 then (bid_usd + ask_usd) / 2 end as mid,
        known_at
    from {{ source('kalshi', 'fed_decisions') }}
    where bid_usd is not null and ask_usd is not null
    qualify row_number() over (partition by snapshot_date, market_ticker order by {{ newest_last() }}) = 1
),
quoted as (
    select q.*, s.session_date
    from quotes as q
    asof join {{ ref('sessions') }} as s on q.known_at <= s.cutoff_at
),
books as (
    select
        session_date,
        meeting_date,
        count(mid) as priced_count,
        sum(mid) as total,
        {%- for outcome in ['C26', 'C25', 'H0', 'H25', 'H26'] %}
        max(mid) filter (where outcome = '{{ outcome }}') as {{ outcome | lower }},
        {%- endfor %}
        max(known_at) as known_at
    from (select *, min(snapshot_date) over (partition by session_date) as first_date from quoted) as q
    where snapshot_date = first_date
    group by session_date, meeting_date
),
normalised as (
    -- a book that lacks an outcome has no probabilities
    select
        b.session_date, b.meeting_date, b.known_at,
        {%- for outcome in ['c26', 'c25', 'h0', 'h25', 'h26'] %}
        case when b.priced_count = 5 then b.{{ outcome }} / b.total end as {{ outcome }},
        {%- endfor %}
        case when b.priced_count = 5 then b.total - 1 end as overround,
        b.priced_count < 5 as is_price_stale
    from books as b
),
all_paths as (
    select * from by_futures
    union all by name
    select
        session_date,
        meeting_date,
        'kalshi' as source,
        c26 as cut_over_25bp,
        c25 as cut_25bp,
        h0 as hold,
        h25 as hike_25bp,
        h26 as hike_over_25bp,
        50 * (h26 - c26) + 25 * (h25 - c25) as expected_change,
        null::double as rate_before,
        null::double as rate_after,
        overround,
        is_price_stale,
        case when is_price_stale then 'the book lacks a quote of an outcome' end as reason_text,
        meeting_date = min(meeting_date) over (partition by session_date) as is_next,
        false as is_years_last,
        known_at
    from normalised
)
select
    session_date,
    meeting_date,
    source,
    round(100 * (cut_25bp + cut_over_25bp), 4) as cut_probability_pct,
    round(100 * hold, 4) as hold_probability_pct,
    round(100 * (hike_25bp + hike_over_25bp), 4) as hike_probability_pct,
    round(100 * cut_over_25bp, 4) as cut_over_25bp_probability_pct,
    round(100 * cut_25bp, 4) as cut_25bp_probability_pct,
    round(100 * hike_25bp, 4) as hike_25bp_probability_pct,
    round(100 * hike_over_25bp, 4) as hike_over_25bp_probability_pct,
    round(expected_change, 4) as expected_change_bp,
    round(rate_before, 6) as rate_before_pct,
    round(rate_after, 6) as rate_after_pct,
    case when is_next then round(expected_change, 4) end as next_meeting_change_bp,
    case when is_years_last then round(rate_after, 6) end as year_end_rate_pct,
    round(100 * overround, 4) as overround_pct,
    is_price_stale,
    reason_text,
    known_at
from all_paths
