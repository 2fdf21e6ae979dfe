{#- The signals of a trend follower and the price at which each would turn on the next close. Windows
    count closes. A close is above its next average of k when it is above the mean of the last k - 1; above that of k closes
    before when it is above the close k - 1 before this one. -#}
with closes as (
    {{ index_closes(ref('int_observations_latest'), ref('sessions')) }}
),
wide as (
    select
        *,
        max(known_at) over (by_index rows between 252 preceding and current row) as inputs_known_at
        {%- for name, kind, window in trend_signals() %}
        {%- if kind == 'sma' %},
        case when count(*) over (by_index rows between {{ window - 1 }} preceding and current row) = {{ window }}
            then avg(close_index) over (by_index rows between {{ window - 1 }} preceding and current row)
        end as {{ name }}_from,
        case when count(*) over (by_index rows between {{ window - 1 }} preceding and current row) = {{ window }}
            then avg(close_index) over (by_index rows between {{ window - 2 }} preceding and current row)
        end as {{ name }}_flip
        {%- else %},
        {{ sessions_before('close_index', window, 'by_index') }} as {{ name }}_from,
        case when {{ sessions_before('close_index', window, 'by_index') }} is not null
            then {{ sessions_before('close_index', window - 1, 'by_index') }}
        end as {{ name }}_flip
        {%- endif %}
        {%- endfor %}
    from closes
    window by_index as (partition by index_id order by session_seq)
),
long as (
    {%- for name, kind, window in trend_signals() %}
    select
        session_date, index_id, '{{ name }}' as signal, {{ window }} as window_closes_count, close_index,
        round({{ name }}_from, 6) as compared_index, round({{ name }}_flip, 6) as flip_index, inputs_known_at
    from wide
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
select
    session_date,
    index_id,
    signal,
    window_closes_count::bigint as window_closes_count,
    close_index,
    compared_index,
    case
        when close_index > compared_index then 'positive'
        when close_index < compared_index then 'negative'
        else 'flat'
    end as state,
    flip_index,
    round(100 * (flip_index / close_index - 1), 6) as distance_pct,
    inputs_known_at as known_at
from long
where compared_index is not null
