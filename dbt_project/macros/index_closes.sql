{#- Closes of the US stock indices, as traded, by the name that marts give an index; sessions without a close have no row. -#}
{% macro index_ids() -%}
{{ return({'sp500_close': 'SPX', 'nasdaq100_close': 'NDX', 'dow_jones_close': 'DJI', 'russell2000_close': 'RUT'}) }}
{%- endmacro %}


{% macro index_closes(observations, sessions) -%}
select
    s.session_date,
    s.session_seq,
    case o.series_id
        {%- for series_id, index_id in index_ids().items() %}
        when '{{ series_id }}' then '{{ index_id }}'
        {%- endfor %}
    end as index_id,
    o.value as close_index,
    o.known_at
from {{ observations }} as o
inner join {{ sessions }} as s on o.period_date = s.session_date
where o.series_id in ('{{ index_ids().keys() | join("', '") }}') and o.value > 0
{%- endmacro %}


{#- The eight signals of the trend proxy: name, kind, and window in closes (sma) or sessions (momentum). -#}
{% macro trend_signals() -%}
{{ return([
    ('sma_20', 'sma', 20), ('sma_50', 'sma', 50), ('sma_100', 'sma', 100), ('sma_200', 'sma', 200),
    ('momentum_21', 'momentum', 21), ('momentum_63', 'momentum', 63),
    ('momentum_126', 'momentum', 126), ('momentum_252', 'momentum', 252),
]) }}
{%- endmacro %}
