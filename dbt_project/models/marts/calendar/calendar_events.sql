{#- Dates that are known ahead (CAL-02), and the shutdowns that delayed what was due (CAL-03). Whole days begin at midnight in New York.
    Until the exchange's own calendar is known, days are its working days of calendar.days and close at 16:00. -#}
with trading_days as (
    select day from {{ source('calendar', 'days') }} where calendar = 'nyse' and day >= date '1989-12-01'
),
months as (
    select
        month_date,
        -- the Friday on or after the 15th
        month_date + ((5 - dayofweek(month_date) + 7) % 7 + 14)::integer as third_friday
    from (
        select unnest(generate_series(date '1990-01-01', {{ run_at() }}::date + 500, interval 1 month))::date as month_date
    )
),
expiries as (
    select m.month_date, m.third_friday, t.day as expiry_date
    from months as m
    asof join trading_days as t on m.third_friday >= t.day
    where m.third_friday - t.day < 3  -- no day beyond the calendar's end
),
volatility_expiries as (
    -- 30 days before the options expire on whose prices the settlement rests; VIX futures began in 2004
    select t.day as expiry_date
    from (select expiry_date - 30 as due_date from expiries where month_date >= date '2004-06-01') as e
    asof join trading_days as t on e.due_date >= t.day
    where e.due_date - t.day < 7
),
month_ends as (
    select d.month_date, d.last_day, coalesce(s.close_at, {{ new_york("d.last_day + time '16:00'") }}) as close_at
    from (
        select m.month_date, t.day as last_day
        from months as m
        asof join trading_days as t on last_day(m.month_date) >= t.day
        where last_day(m.month_date) - t.day < 7
    ) as d
    left join {{ source('calendar', 'sessions') }} as s on d.last_day = s.session_date
),
tax_dates as (
    -- the first day from the 15th on that is neither weekend nor holiday; since 2007 the District's Emancipation Day is one of April,
    -- on the Friday before a Saturday and the Monday after a Sunday
    select m.month_date, min(d.day) as due_date
    from months as m
    inner join {{ source('calendar', 'days') }} as d
        on d.calendar = 'federal_reserve' and d.day between m.month_date + 14 and m.month_date + 21
    where month(m.month_date) in (1, 4, 6, 9, 12)
        and (year(m.month_date) < 2007 or d.day <> make_date(year(m.month_date), 4, 16)
            + case dayofweek(make_date(year(m.month_date), 4, 16)) when 6 then -1 when 0 then 1 else 0 end)
    group by m.month_date
),
computed as (
    select
        'options_expiry' as event_type, {{ new_york("expiry_date + time '16:00'") }} as event_at, expiry_date as event_date,
        case
            when expiry_date = third_friday then 'Monthly options expire on the third Friday'
            else 'Monthly options expire on the day before, the third Friday is a holiday'
        end as event_text
    from expiries
    union all
    select
        'quadruple_witching', {{ new_york("expiry_date + time '16:00'") }}, expiry_date,
        'Index futures and options, stock options and stock futures expire together'
    from expiries
    where month(month_date) % 3 = 0
    union all
    select
        'vix_expiry', {{ new_york("expiry_date + time '09:30'") }}, expiry_date,
        'VIX futures and options settle at the open, 30 days before the next monthly expiry'
    from volatility_expiries
    union all
    select 'month_end', close_at, last_day, 'Last session of the month'
    from month_ends
    union all
    select 'quarter_end', close_at, last_day, 'Last session of the quarter'
    from month_ends
    where month(month_date) % 3 = 0
    union all
    select
        'tax_date', {{ new_york('due_date') }}, due_date,
        case month(month_date)
            when 12 then 'Corporate income tax, fourth instalment'
            when 4 then 'Individual and corporate income tax, first instalment; extensions by the Treasury (2020, 2021) are not in it'
            when 1 then 'Individual income tax, last instalment of the year before'
            else 'Individual and corporate income tax, instalment'
        end
    from tax_dates
),
releases as (
    select *, null::timestamp as withdrawn_known_at from ({{ newest('bls', 'releases') }}) as r
),
meetings as ({{ fomc_meetings_held() }}),
refundings as (
    select
        announced_date,
        {{ new_york('announced_date + announced_time::time') }} as announced_at,
        date_trunc('week', announced_date)::date + 2 as statement_date,
        min(source_url) as source_url,
        min(checked) as checked
    from {{ ref('treasury_borrowing_plans') }}
    group by announced_date, announced_time
),
events as (
    select
        event_type, event_at, event_date, event_text,
        -- such rules are older than the year before
        {{ new_york("make_timestamp(year(event_date) - 1, 1, 1, 0, 0, 0)") }} as scheduled_known_at,
        case
            when event_type in ('options_expiry', 'quadruple_witching') then 'https://www.cboe.com/about/hours/us-options/'
            when event_type = 'vix_expiry' then 'https://www.cboe.com/tradable_products/vix/vix_futures/specifications/'
            when event_type = 'tax_date' then 'https://www.irs.gov/businesses/small-businesses-self-employed/estimated-taxes'
            else 'https://www.nyse.com/markets/hours-calendars'
        end as source_url,
        'computed' as checked
    from computed
    union all by name
    select * exclude (withdrawn_known_at) from ({{ release_events('releases') }}) as r
    union all by name
    select * exclude (withdrawn_known_at) from ({{ meeting_events('meetings') }}) as m
    union all by name
    select
        'shutdown_start' as event_type, {{ new_york('start_date') }} as event_at, start_date as event_date,
        'Federal government closed, ' || scope as event_text,
        {{ new_york('start_date') }} as scheduled_known_at,
        source_url, checked
    from {{ ref('government_shutdowns') }}
    union all by name
    select
        'shutdown_end' as event_type, {{ new_york('end_date + 1') }} as event_at, end_date + 1 as event_date,
        'Federal government open again; it was closed from ' || start_date as event_text,
        {{ new_york('end_date + 1') }} as scheduled_known_at,
        source_url, checked
    from {{ ref('government_shutdowns') }}
    union all by name
    -- what it delayed shows in full only once the last of it was out
    select
        'shutdown_effects' as event_type, {{ new_york('effect_known_date + 1') }} as event_at, effect_known_date + 1 as event_date,
        concat('Shutdown from ', start_date, ' to ', end_date, ': ', known_effect) as event_text,
        {{ new_york('effect_known_date + 1') }} as scheduled_known_at,
        source_url, checked
    from {{ ref('government_shutdowns') }}
    where effect_known_date is not null
    union all by name
    -- the table has no day on which a date was announced: the estimates count from their release on
    select
        'refunding' as event_type, announced_at as event_at, announced_date as event_date,
        'Borrowing estimates of the Treasury, in the week of its quarterly refunding' as event_text,
        announced_at as scheduled_known_at, source_url, checked
    from refundings
    union all by name
    select
        'refunding' as event_type, {{ new_york("statement_date + time '08:30'") }} as event_at, statement_date as event_date,
        'Quarterly refunding statement of the Treasury, on the Wednesday after its borrowing estimates' as event_text,
        announced_at as scheduled_known_at, source_url, 'computed' as checked
    from refundings
)
select event_at, event_date, event_type, event_text, scheduled_known_at, source_url, checked
from events
where scheduled_known_at <= {{ run_at() }} and event_date <= {{ run_at() }}::date + 500
