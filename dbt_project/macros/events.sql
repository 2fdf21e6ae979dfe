{#- The sessions before each of `events` (ticker, session_date and `columns`) and not before the event that precedes it,
    from the first of `prices` (ticker and session_seq) on. An ASOF join would sort every price to find the first event
    after it; here an event is spread over its sessions, which are then found by key. -#}
{% macro spread_back(prices, events, columns) %}
select ticker, {{ columns }}, unnest(range(greatest(from_seq, first_seq), until_seq)) as session_seq
from (
    select
        e.*,
        f.first_seq,
        coalesce(s.session_seq, n.next_seq) as until_seq,
        lag(coalesce(s.session_seq, n.next_seq)) over (partition by e.ticker order by e.session_date) as from_seq
    from (select distinct ticker, session_date, {{ columns }} from {{ events }}) as e
    inner join (select ticker, min(session_seq) as first_seq from {{ prices }} group by ticker) as f
        on e.ticker = f.ticker
    cross join (select max(session_seq) + 1 as next_seq from {{ ref('sessions') }}) as n
    asof left join {{ ref('sessions') }} as s on e.session_date <= s.session_date
) as of_event
{% endmacro %}
