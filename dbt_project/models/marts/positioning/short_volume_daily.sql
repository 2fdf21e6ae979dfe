{#- Share of the volume reported to FINRA that was sold short, and its z-score over the last 63 values of the symbol, itself
    included, once there are so many within 66 sessions. -#}
with days as (
    select
        v.session_date,
        v.ticker,
        v.short_volume_shares,
        v.short_exempt_volume_shares,
        v.total_volume_shares,
        round(100.0 * v.short_volume_shares / nullif(v.total_volume_shares, 0), 6) as short_volume_share_pct,
        s.session_seq,
        v.known_at
    from ({{ newest('finra', 'short_volume') }}) as v
    inner join {{ ref('sessions') }} as s on v.session_date = s.session_date
    where v.total_volume_shares is not null
)
select
    session_date,
    ticker,
    short_volume_shares,
    short_exempt_volume_shares,
    total_volume_shares,
    short_volume_share_pct,
    case
        when short_volume_share_pct is not null and count(*) over last_63 = 63 and session_seq - min(session_seq) over last_63 < 66
            then round(
                (short_volume_share_pct - avg(short_volume_share_pct) over last_63)
                / nullif(stddev_samp(short_volume_share_pct) over last_63, 0),
                6
            )
    end as short_volume_share_63d_zscore,
    known_at
from days
window last_63 as (
    partition by ticker, short_volume_share_pct is null
    order by session_seq
    rows between 62 preceding and current row
)
