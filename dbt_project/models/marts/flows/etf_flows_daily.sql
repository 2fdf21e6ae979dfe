{#- Net flow of each fund, on the session whose orders it is of: v = t - lag, where t is the date
    the issuer prints. Everything on the split basis of t. ProShares restates its history to today's basis, so there the
    AUM form serves and no split is applied. What cannot be trusted is NULL with a reason; flow_computed_usd_mn still
    shows what the formula gave. A session of an active fund that no report tells of is a row too: "not yet" until the
    cut-off after the report's date, "no report" from then on. -#}
{#- Nobody asks for flows of a fund before this day, unless its issuer tells of them (ingest/catalog/funds.yml). -#}
{%- set asked_from = "date '2012-01-03'" -%}
with reports as (
    select
        c.ticker,
        c.issuer,
        c.category,
        c.share_lag_sessions as lag,
        d.report_date,
        s.session_seq as t,
        d.nav_usd as nav,
        d.shares_outstanding_count as so,
        d.net_assets_usd as printed_aum,
        coalesce(d.net_assets_usd, d.shares_outstanding_count * d.nav_usd) as aum,
        d.provider,
        d.provider = 'proshares' as is_restated,
        d.known_at
    from {{ ref('stg_fund_days') }} as d
    inner join {{ ref('sessions') }} as s on d.report_date = s.session_date
    inner join {{ source('catalog', 'funds') }} as c on d.ticker = c.ticker and d.provider in (c.source, 'user_file')
),
-- a ratio covers the span (report before, report]
cumulated as (
    select
        ticker,
        session_date,
        product(split_ratio) over by_date as k,
        max(known_at) over by_date as known_at
    from {{ ref('stg_splits') }}
    window by_date as (partition by ticker order by session_date)
),
paired as (
    select
        r.*,
        lag(r.t) over by_report as t_before,
        lag(r.nav) over by_report as nav_before,
        lag(r.so) over by_report as so_before,
        lag(r.aum) over by_report as aum_before,
        lag(r.is_restated) over by_report as was_restated,
        coalesce(x.k, 1.0) as k_to_date,
        lag(coalesce(x.k, 1.0)) over by_report as k_before,
        x.known_at as split_known_at
    from reports as r
    asof left join cumulated as x on r.ticker = x.ticker and r.report_date >= x.session_date
    window by_report as (partition by r.ticker order by r.t)
),
computed as (
    select
        *,
        t - t_before as span,
        case when t_before is null or is_restated and was_restated then 1.0 else k_to_date / k_before end as k,
        -- reference for every share: the newest basis, on which only orders change the count
        case when is_restated then so else so / k_to_date end
        is distinct from case when was_restated then so_before else so_before / k_before end as has_changed
    from paired
),
flowed as (
    select
        *,
        case
            when is_restated then aum - aum_before * nav / nullif(nav_before, 0)
            -- all shares redeemed: the last value they had
            when so = 0 then -so_before * nav_before
            else (so - so_before * k) * case when lag = 0 then nav else nav_before / k end
        end / 1e6 as flow,
        nav * k / nullif(nav_before, 0) - 1 as nav_return
    from computed
),
changes as (
    select
        *,
        max(case when has_changed then t end) over by_report as changed_at,
        case when has_changed then
            t - max(case when has_changed then t end) over (
                partition by ticker order by t rows between unbounded preceding and 1 preceding
            )
        end as change_gap
    from flowed
    window by_report as (partition by ticker order by t)
),
judged as (
    select
        *,
        t - changed_at as unchanged,
        median(change_gap) over (partition by ticker order by t rows between 252 preceding and 1 preceding) as usual_gap,
        coalesce(aum, so) = 0 as is_closed,
        coalesce(aum_before, so_before) = 0 or t_before is null as is_launch,
        -- counts are rounded to a share, restated ones to a thousand: early ones of inverse funds round to nothing
        case when is_restated then 500 else 0.5 end * nav as rounding,
        100 * flow / nullif(aum_before / 1e6, 0) as flow_share,
        -- a whole number of shares for one or one for as many, net asset value the other way round, no split on file
        k = 1 and not is_restated
        and greatest(so / nullif(so_before, 0), so_before / nullif(so, 0)) >= 1.98
        and abs(
            greatest(so / nullif(so_before, 0), so_before / nullif(so, 0))
            / round(greatest(so / nullif(so_before, 0), so_before / nullif(so, 0))) - 1
        ) < 0.01
        and abs(so * nav / nullif(so_before * nav_before, 0) - 1) < 0.1 as is_unlisted_split
    from changes
),
reasoned as (
    select
        *,
        coalesce(unchanged > 10 and usual_gap <= 3, false) as is_stale,
        case
            when is_launch then 'launch'
            when is_closed then 'closed'
            when unchanged > 10 and usual_gap <= 3
                then 'stale: shares unchanged for ' || unchanged || ' sessions'
            when nav is null or nav_before is null then 'no net asset value'
            when is_unlisted_split then 'quarantined: looks like a split that no split file has'
            when abs(printed_aum - so * nav) - rounding > 0.001 * printed_aum
                then 'quarantined: net assets are not shares times net asset value'
            -- orders revalued at the report's own NAV, so that its move since is no difference
            when abs(aum - aum_before * (1 + nav_return) - (so - so_before * k) * nav) - 2 * rounding > 0.003 * aum
                then 'quarantined: net assets do not follow from return and flow'
            when k = 1 and abs(flow_share) > 25 then 'quarantined: flow above 25 % of net assets'
        end as reason
    from judged
),
-- an inflow and an outflow of its size within 3 sessions, around an index rebalance
heartbeats as (
    select
        i.ticker,
        i.t as opened,
        o.t as closed,
        i.flow + o.flow as net,
        o.known_at
    from reasoned as i
    inner join reasoned as o
        on i.ticker = o.ticker and o.t between i.t + 1 and i.t + 3
        and i.flow_share >= 1 and o.flow < 0 and abs(o.flow / i.flow + 1) <= 0.1
        and not i.is_launch and not o.is_closed
    inner join {{ ref('sessions') }} as s on i.t = s.session_seq
    where month(s.session_date) in (3, 6, 9, 12) and day(s.session_date) between 8 and 28
    qualify row_number() over (partition by i.ticker, i.t order by o.t) = 1
        and row_number() over (partition by i.ticker, o.t order by i.t desc) = 1
),
matched as (
    select
        r.* exclude (span),
        -- the change that ends a stale run is of all its sessions
        case
            when not r.is_stale and w.t is not null then r.t - w.changed_at
            else r.span
        end as span,
        o.net is not null or c.net is not null as is_heartbeat,
        case when r.reason is null or r.reason like 'quarantined%above%' then
            case when o.net is not null then 0.0 when c.net is not null then c.net when r.reason is null then r.flow end
        end as flow_ex_heartbeat,
        greatest(r.known_at, r.split_known_at) as flow_final_at,
        greatest(r.known_at, r.split_known_at, o.known_at) as final_at
    from reasoned as r
    left join heartbeats as o on r.ticker = o.ticker and r.t = o.opened
    left join heartbeats as c on r.ticker = c.ticker and r.t = c.closed
    left join (select ticker, t, changed_at from reasoned where is_stale) as w
        on r.ticker = w.ticker and r.t_before = w.t
),
scored as (
    select
        *,
        case when reason is null and span = 1 then flow_share end as daily_share
    from matched
),
told as (
    select
        s.session_date,
        r.ticker,
        r.issuer,
        r.category,
        r.report_date,
        r.lag::bigint as share_lag_sessions_count,
        r.so as shares_outstanding_count,
        v.nav_used as nav_usd,
        round(r.aum / 1e6, 6) as net_assets_usd_mn,
        round(r.aum_before / 1e6, 6) as net_assets_before_usd_mn,
        r.k as split_ratio,
        round(r.nav_return, 10) as nav_return_ratio,
        r.span::bigint as span_sessions_count,
        r.unchanged::bigint as unchanged_sessions_count,
        case when r.reason is null then round(r.flow, 6) end as flow_usd_mn,
        case when r.reason is null then round(r.flow_share, 8) end as flow_pct,
        round(
            (r.daily_share - avg(r.daily_share) over last_252) / nullif(stddev_samp(r.daily_share) over last_252, 0)
            * case when count(r.daily_share) over last_252 >= 126 then 1 end, 6
        ) as flow_zscore,
        count(r.daily_share) over last_252 as flow_zscore_window_count,
        round(r.flow_ex_heartbeat, 6) as flow_ex_heartbeat_usd_mn,
        round(r.flow, 6) as flow_computed_usd_mn,
        r.is_launch,
        r.is_closed,
        r.is_stale,
        coalesce(r.reason like 'quarantined%', false) as is_quarantined,
        r.is_heartbeat,
        {{ in_quarterly_expiry_week('s.session_date') }} as is_quarterly_expiry_week,
        r.reason as reason_text,
        -- where the count is rounded by more than the tolerance, any count within it fits: that proves nothing
        case
            when r.printed_aum is null then 'not checked: the issuer prints no net assets'
            when r.rounding > 0.001 * r.printed_aum
                then 'not checked: the count is rounded by more than 0.1 % of net assets'
            else 'checked'
        end as identity_text,
        r.provider,
        r.known_at,
        max(r.flow_final_at) over (partition by r.ticker order by r.t) as flow_settled_at,
        max(r.final_at) over (partition by r.ticker order by r.t) as settled_at
    from scored as r
    inner join {{ ref('sessions') }} as s on s.session_seq = r.t - r.lag
    cross join lateral (
        select case when r.lag = 0 or r.t_before is null then r.nav else r.nav_before / r.k end as nav_used
    ) as v
    window last_252 as (partition by r.ticker order by r.t rows between 252 preceding and 1 preceding)
),
-- from its first day, and where the catalog has none from the first day that flows are asked for, to its last
life as (
    select
        f.ticker,
        f.issuer,
        f.category,
        f.share_lag_sessions as lag,
        least(coalesce(f.active_from, {{ asked_from }}), min(r.session_date)) as from_date,
        least(
            f.active_to, case when arg_max(coalesce(r.is_closed, false), r.session_date) then max(r.session_date) end
        ) as to_date,
        min(r.known_at) as first_known_at
    from {{ source('catalog', 'funds') }} as f
    left join told as r on f.ticker = r.ticker
    group by f.ticker, f.issuer, f.category, f.share_lag_sessions, f.active_from, f.active_to
),
gaps as (
    select
        s.session_date,
        l.ticker,
        l.issuer,
        l.category,
        l.lag,
        -- a report dated after the last session that has closed is still to come
        coalesce(d.cutoff_at > {{ run_at() }}, true) as is_pending,
        s.close_at,
        greatest(d.cutoff_at, case when s.session_date < {{ asked_from }} then l.first_known_at end) as missed_at
    from life as l
    inner join {{ ref('sessions') }} as s
        on s.session_date >= l.from_date and s.session_date <= coalesce(l.to_date, date '9999-12-31')
    left join {{ ref('sessions') }} as d on s.session_seq + l.lag = d.session_seq
    where not exists (select 1 from told as r where l.ticker = r.ticker and s.session_date = r.session_date)
)
select * from told
union all by name
select
    session_date,
    ticker,
    issuer,
    category,
    lag::bigint as share_lag_sessions_count,
    false as is_launch,
    false as is_closed,
    false as is_stale,
    false as is_quarantined,
    false as is_heartbeat,
    {{ in_quarterly_expiry_week('session_date') }} as is_quarterly_expiry_week,
    case when is_pending then 'not yet' else 'no report' end as reason_text,
    case when is_pending then close_at else missed_at end as known_at,
    case when is_pending then close_at else missed_at end as flow_settled_at,
    case when is_pending then close_at else missed_at end as settled_at
from gaps
