{#- One series as it stood at each moment of a relation: the greatest period of which a value was known by then, in the
    vintage known then, with its date; NULL when that period ended more than `limit_days` before the row's own date, and
    while it was in dispute. `moments` has the columns `day` and `moment`. A vintage of an older period than was known
    already changes nothing. -#}
{% macro known_then(moments, series_id, frequency, limit_days) %}
select
    m.day,
    {#- withdrawn or disputed: no value, and none before it stands in -#}
    case when m.day - {{ period_end("'" ~ frequency ~ "'", 'o.period_date') }} <= {{ limit_days }} then o.value end as value,
    o.period_date
from {{ moments }} as m
asof left join (
    select known_at, newest.value as value, newest.period_date as period_date
    from (
        select known_at, arg_max(struct_pack(value, period_date), (period_date, -provider_rank)) as newest
        from {{ ref('int_agreed') }}
        where series_id = '{{ series_id }}'
        group by known_at
    ) as v
    qualify newest.period_date >= max(newest.period_date) over (order by known_at)
) as o on m.moment >= o.known_at
{% endmacro %}
