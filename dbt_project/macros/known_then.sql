{#- One series as it stood at each moment of a relation, by the rule of int_known: per provider and period the newest vintage
    known by then; a period whose newest vintage is NULL is gone; of the rest the greatest period; of its providers the first
    in the catalog's order. No value when that period ended more than `limit_days` before the row's own date, nor while it is in
    dispute: `lack_text` says which, or that nothing was ever known. `moments` has the columns `day` and `moment`; one row each.

    As there, a key that is never withdrawn stays available for good, and the winner among those is a running maximum; the few
    that are withdrawn later are looked up moment by moment. -#}
{% macro known_then(moments, series_id, frequency, limit_days) %}
with vintages as (
    select
        period_date,
        provider_rank,
        known_at,
        value,
        is_disputed,
        -- greatest period first, then the first provider
        (period_date - date '1800-01-01') * 100 - provider_rank as priority,
        lead(known_at) over by_key as next_known_at,
        min(known_at) filter (where value is not null or is_disputed) over of_key as first_known_at,
        first_known_at < max(known_at) filter (where value is null and not is_disputed) over of_key as is_withdrawn_ever
    from {{ ref('int_agreed') }}
    where series_id = '{{ series_id }}'
    window
        of_key as (partition by period_date, provider_rank),
        by_key as (of_key order by {{ newest_last() }})
),
winners as (
    select known_at, arg_max(struct_pack(value, period_date, is_disputed), priority) as pick, max(priority) as priority
    from vintages
    where
        (value is not null or is_disputed)
        and is_withdrawn_ever is not true
        and next_known_at is distinct from known_at  -- replaced in the same moment: never seen by anyone
    group by known_at
    qualify max(priority) >= max(max(priority)) over (order by known_at)
),
withdrawn as (
    select
        m.day,
        arg_max(struct_pack(value, period_date, is_disputed), priority) filter (where value is not null or is_disputed) as pick,
        max(priority) filter (where value is not null or is_disputed) as priority,
        max(period_date) filter (where value is null and not is_disputed and v.known_at > v.first_known_at) as gone_date
    from {{ moments }} as m
    inner join vintages as v
        on m.moment >= v.known_at and m.moment < coalesce(v.next_known_at, timestamp '9999-01-01')
    where v.is_withdrawn_ever
    group by m.day
),
picked as (
    select
        m.day,
        case when w.priority is null or l.priority > w.priority then l.pick else w.pick end as pick,
        w.gone_date
    from {{ moments }} as m
    asof left join winners as l on m.moment >= l.known_at
    left join withdrawn as w on m.day = w.day
),
aged as (
    select
        *,
        coalesce(day - {{ period_end("'" ~ frequency ~ "'", 'pick.period_date') }} <= {{ limit_days }}, false) as is_recent
    from picked
)
select
    day,
    case when is_recent then pick.value end as value,
    pick.period_date as period_date,
    case
        when is_recent and pick.value is not null then null
        when is_recent then 'in dispute on ' || pick.period_date
        else concat_ws(
            ', ',
            'withdrawn for ' || case when gone_date > coalesce(pick.period_date, gone_date - 1) then gone_date end,
            coalesce('none since ' || pick.period_date, case when gone_date is null then 'never any' end)
        )
    end as lack_text
from aged
{% endmacro %}
