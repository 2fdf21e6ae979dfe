{#- Put/call ratios of Cboe's own volume on each session. The products never stand in for each other. -#}
with ratios as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'put_call_total_ratio': 'total', 'put_call_equity_ratio': 'equity', 'put_call_index_ratio': 'idx',
        'put_call_etp_ratio': 'etp', 'put_call_spx_ratio': 'spx', 'put_call_vix_ratio': 'vix',
        'put_volume_total': 'puts_total', 'call_volume_total': 'calls_total',
        'put_volume_equity': 'puts_equity', 'call_volume_equity': 'calls_equity',
        'put_volume_index': 'puts_index', 'call_volume_index': 'calls_index'
    }) }}
)
select
    session_date,
    total as put_call_total_ratio,
    total_known_at as put_call_total_known_at,
    case when count(total) over last_5 = 5 then round(avg(total) over last_5, 6) end as put_call_total_5d_mean_ratio,
    {{ put_call_total_1y_percentile('total') }} as put_call_total_1y_percentile,
    {{ put_call_total_1y_percentile_window_count('total') }} as put_call_total_1y_percentile_window_count,
    equity as put_call_equity_ratio,
    equity_known_at as put_call_equity_known_at,
    case when count(equity) over last_5 = 5 then round(avg(equity) over last_5, 6) end as put_call_equity_5d_mean_ratio,
    {{ rolling_percentile('equity', 252) }} as put_call_equity_1y_percentile,
    {{ rolling_percentile_count('equity', 252) }} as put_call_equity_1y_percentile_window_count,
    idx as put_call_index_ratio,
    idx_known_at as put_call_index_known_at,
    etp as put_call_etp_ratio,
    etp_known_at as put_call_etp_known_at,
    spx as put_call_spx_ratio,
    spx_known_at as put_call_spx_known_at,
    vix as put_call_vix_ratio,
    vix_known_at as put_call_vix_known_at,
    puts_total::bigint as put_volume_total_count,
    calls_total::bigint as call_volume_total_count,
    puts_equity::bigint as put_volume_equity_count,
    calls_equity::bigint as call_volume_equity_count,
    puts_index::bigint as put_volume_index_count,
    calls_index::bigint as call_volume_index_count,
    round(puts_total / nullif(calls_total, 0), 6) as put_call_total_from_volume_ratio,
    round(puts_equity / nullif(calls_equity, 0), 6) as put_call_equity_from_volume_ratio,
    round(puts_index / nullif(calls_index, 0), 6) as put_call_index_from_volume_ratio
from ratios
window last_5 as (order by session_seq rows between 4 preceding and current row)
