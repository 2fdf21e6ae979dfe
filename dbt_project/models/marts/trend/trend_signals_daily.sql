{#- The signals of a trend follower and the price at which each would turn on the next close. An average counts
    closes, momentum sessions, like every change. A close is above its next average of k when it is above the mean of the last
    k - 1; above that of k sessions before when it is above what the change over k - 1 sessions to this one starts from. -#}
with closes as (
    {{ index_closes(ref('int_observations_latest'), ref('sessions')) }}
),
-- every session from an index's first close on: one without a close is still a session
spine as (
    select s.session_date, s.session_seq, f.index_id, c.close_index, c.known_at
    from (select index_id, min(session_seq) as first_seq from closes group by index_id) as f
    inner join {{ ref('sessions') }} as s on f.first_seq <= s.session_seq
    left join closes as c on f.index_id = c.index_id and s.session_seq = c.session_seq
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
        {{ base_before('close_index', window, partition_by='index_id') }} as {{ name }}_from,
        {{ base_before('close_index', window - 1, partition_by='index_id') }} as {{ name }}_flip
        {%- endif %}
        {%- endfor %}
    from spine
    -- sessions without a close are a partition of their own, so that windows count closes
    window by_index as (partition by index_id, close_index is null order by session_seq)
),
long as (
    {%- for name, kind, window in trend_signals() %}
    select
        session_date, index_id, '{{ name }}' as signal, {{ window }} as window_closes_count, round(close_index, 6) as close_index,
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
where close_index is not null and compared_index is not null
