{#- Periods whose value changed after its first print: what was first printed, what it became, and when. Prints of one
    provider are compared with each other only. A gap that is filled later is a first print, not a revision; a value
    that is taken back is one. -#}
with printed_again as (
    select series_id, provider, period_date from {{ ref('int_observations') }} group by all having count(*) > 1
),
printed as (
    select o.*
    from {{ ref('int_observations') }} as o
    inner join printed_again as a
        on o.series_id = a.series_id and o.provider = a.provider and o.period_date = a.period_date
    -- from the first value on
    qualify count(o.value) over (
        partition by o.series_id, o.provider, o.period_date order by {{ newest_last('o.') }} rows unbounded preceding
    ) > 0
),
changed as (
    select *
    from printed
    qualify value is distinct from lag(value) over (
        partition by series_id, provider, period_date order by {{ newest_last() }}
    )
)
select
    series_id,
    period_date,
    provider,
    any_value(unit) as unit,
    arg_min(value, ({{ newest_last() }})) as first_print_number,
    arg_max(struct_pack(value), ({{ newest_last() }})).value as latest_print_number,
    count(*) - 1 as changes_count,
    min(known_at) as first_known_at,
    max(known_at) as final_known_at,
    round(epoch(max(known_at) - min(known_at)) / 86400, 6) as final_after_days,
    arg_min(known_basis, ({{ newest_last() }})) as first_known_basis,
    arg_max(struct_pack(value), ({{ newest_last() }})).value is null as is_withdrawn
from changed
group by series_id, period_date, provider
having count(*) > 1
