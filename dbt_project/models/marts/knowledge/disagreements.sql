{#- How every provider stands on the periods on which two publishers ever differed by more than the series' tolerance, one
    row per provider and moment at which something became known of the period: what it prints, what of that is served.

    A difference counts from the moment both sides were known, to the one at which they no longer differ. Then a value
    is served when another provider prints it too and more of them than print any other; else none is, and the period is
    disputed. A user's file breaks such a tie and makes none: it is asked where publishers have nothing. A value of a
    history loaded late (latest_only) that is what the other one came to print later is no difference: it is that later
    value, placed at the release of the first. -#}
with periods as (
    select o.series_id, o.period_date, any_value(t.agree_within) as within, any_value(t.agree_within_ratio) as within_ratio
    from {{ ref('int_observations') }} as o
    inner join {{ source('catalog', 'tolerances') }} as t on o.series_id = t.series_id
    where o.provider <> '{{ users_own_source() }}' and o.value is not null
    group by o.series_id, o.period_date
    -- no closer look at the many periods on which nobody ever printed anything else
    having count(distinct o.provider) > 1
        and max(o.value) - min(o.value)
        > {{ tolerance('any_value(t.agree_within)', 'any_value(t.agree_within_ratio)', 'max(o.value)', 'min(o.value)') }}
),
vintages as (
    select o.*, p.within, p.within_ratio
    from {{ ref('int_observations') }} as o
    inner join periods as p on o.series_id = p.series_id and o.period_date = p.period_date
    qualify row_number() over (
        partition by o.series_id, o.period_date, o.provider, o.known_at order by {{ newest_first('o.') }}
    ) = 1
),
-- what each of them printed, at every moment at which any of them printed something
states as (
    select m.series_id, m.period_date, m.moment_at, v.* exclude (series_id, period_date, known_at)
    from (
        select distinct k.series_id, k.period_date, k.known_at as moment_at, p.provider
        from vintages as k
        inner join vintages as p on k.series_id = p.series_id and k.period_date = p.period_date
    ) as m
    asof join vintages as v
        on m.series_id = v.series_id and m.period_date = v.period_date and m.provider = v.provider
        and m.moment_at >= v.known_at
),
in_the_end as (
    select series_id, period_date, provider, arg_max(value, known_at) as value
    from vintages
    group by series_id, period_date, provider
),
pairs as (
    select
        a.series_id,
        a.period_date,
        a.moment_at,
        a.provider,
        b.provider as other_provider,
        abs(a.value - b.value) as difference,
        abs(a.value - b.value) > {{ tolerance('a.within', 'a.within_ratio', 'a.value', 'b.value') }}
        and not (
            a.known_basis = 'latest_only' and b.known_basis = 'vintage'
            and coalesce(abs(a.value - e.value) <= {{ tolerance('a.within', 'a.within_ratio', 'a.value', 'e.value') }}, false)
        )
        and not (
            b.known_basis = 'latest_only' and a.known_basis = 'vintage'
            and coalesce(abs(b.value - d.value) <= {{ tolerance('a.within', 'a.within_ratio', 'b.value', 'd.value') }}, false)
        ) as is_apart
    from states as a
    inner join states as b
        on a.series_id = b.series_id and a.period_date = b.period_date and a.moment_at = b.moment_at
    inner join in_the_end as d
        on a.series_id = d.series_id and a.period_date = d.period_date and a.provider = d.provider
    inner join in_the_end as e
        on b.series_id = e.series_id and b.period_date = e.period_date and b.provider = e.provider
    where a.value is not null and b.value is not null
),
counted as (
    select
        series_id,
        period_date,
        moment_at,
        provider,
        count(*) filter (where not is_apart) as voices,  -- its own included
        max(difference) filter (
            where provider <> other_provider and provider <> '{{ users_own_source() }}' and other_provider <> '{{ users_own_source() }}'
        ) as difference,
        bool_or(is_apart and provider <> '{{ users_own_source() }}' and other_provider <> '{{ users_own_source() }}') as is_opposed
    from pairs
    group by series_id, period_date, moment_at, provider
),
weighed as (
    select
        c.series_id,
        c.period_date,
        c.moment_at,
        c.provider,
        any_value(c.voices) as voices,
        max(o.voices) filter (where p.is_apart) as voices_against
    from counted as c
    inner join pairs as p
        on c.series_id = p.series_id and c.period_date = p.period_date and c.moment_at = p.moment_at
        and c.provider = p.provider
    inner join counted as o
        on p.series_id = o.series_id and p.period_date = o.period_date and p.moment_at = o.moment_at
        and p.other_provider = o.provider
    group by c.series_id, c.period_date, c.moment_at, c.provider
),
apart as (
    select series_id, period_date, moment_at, bool_or(is_opposed) as is_opposed, max(difference) as difference
    from counted
    group by series_id, period_date, moment_at
),
judged as (
    select
        s.*,
        coalesce(a.is_opposed, false) as is_opposed,
        a.difference,
        s.value is not null
        and (not coalesce(a.is_opposed, false) or (w.voices > 1 and w.voices > coalesce(w.voices_against, 0))) as is_served
    from states as s
    left join apart as a
        on s.series_id = a.series_id and s.period_date = a.period_date and s.moment_at = a.moment_at
    left join weighed as w
        on s.series_id = w.series_id and s.period_date = w.period_date and s.moment_at = w.moment_at
        and s.provider = w.provider
    qualify bool_or(coalesce(a.is_opposed, false)) over (partition by s.series_id, s.period_date)
)
select
    series_id,
    period_date,
    provider,
    provider_rank,
    value as printed_number,
    case when is_served then value end as served_number,
    unit,
    is_opposed as has_difference,
    value is not null and not bool_or(is_served) over moment as is_disputed,
    round(difference, 9) as difference_number,
    round({{ tolerance('within', 'within_ratio', 'value', 'value') }}, 9) as tolerance_number,
    moment_at as known_at,
    known_basis,
    payload_sha256,
    max(loaded_at) over moment as loaded_at,
    licence
from judged
window moment as (partition by series_id, period_date, moment_at)
