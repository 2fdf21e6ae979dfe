{#- Flows of each category of funds, and of the groups all_equity, all_us_equity, all_bonds, all_commodities
    and all_funds, which leave leveraged, inverse and crypto funds out: long and inverse dollars are never netted.

    The panel of a month is fixed on its first session: funds with at least 63 sessions behind them; a fund that closes
    leaves on that day and stays in history. A daily figure takes flows of one session; a window of 5 or 21 sessions also
    those of up to 3, and only funds whose flows cover all of it. Below 80 % of the panel's assets everything is NULL.
    A category has a row for every session on which one of its funds is active, with a reason where there is no flow. -#}
{%- set windows = [5, 21] %}
with calendar as (
    select
        session_date,
        session_seq,
        min(session_seq) over (partition by date_trunc('month', session_date)) as month_first_seq
    from {{ ref('sessions') }}
),
days as (
    select f.*, s.session_seq
    from {{ ref('etf_flows_daily') }} as f
    inner join {{ ref('sessions') }} as s on f.session_date = s.session_date
    where {{ has_report('f') }}
),
life as (
    select
        ticker,
        category,
        min(session_seq) as first_seq,
        min(session_seq) filter (where is_closed) as closed_seq,
        max(max(session_seq)) over () as last_seq
    from days
    group by ticker, category
),
-- that a fund has left its panel is an input too
closings as (
    select category, session_seq, max(flow_settled_at) as flow_settled_at, max(settled_at) as settled_at
    from days
    where is_closed
    group by category, session_seq
),
filled as (
    select
        c.session_date,
        c.session_seq,
        l.ticker,
        l.category,
        c.month_first_seq - l.first_seq >= 63 as is_in_panel,
        case when d.span_sessions_count = 1 then d.flow_usd_mn end as flow_1d,
        case when d.span_sessions_count <= 3 then d.flow_usd_mn end as flow,
        case when d.span_sessions_count <= 3 and d.flow_usd_mn is not null
            then c.session_seq - d.span_sessions_count + 1 end as covers_from_seq,
        case when d.span_sessions_count <= 3 then d.flow_ex_heartbeat_usd_mn end as flow_ex_heartbeat,
        d.net_assets_before_usd_mn as assets_before,
        d.net_assets_usd_mn as assets_then,
        d.ticker is not null as is_reported,
        d.known_at,
        greatest(d.flow_settled_at, e.flow_settled_at) as flow_settled_at,
        greatest(d.settled_at, e.settled_at) as settled_at
    from life as l
    inner join calendar as c
        on c.session_seq between l.first_seq and l.last_seq and c.session_seq < coalesce(l.closed_seq, l.last_seq + 1)
    left join days as d on l.ticker = d.ticker and c.session_seq = d.session_seq
    left join closings as e on l.category = e.category and c.session_seq = e.session_seq
),
-- a session is covered by its own flow, or by one of up to 3 sessions that comes after it
covered as (
    select
        *,
        -- where a day is missing, the assets last reported
        coalesce(
            assets_before, last_value(assets_then ignore nulls) over (partition by ticker order by session_seq)
        ) as assets,
        coalesce(
            first_value(covers_from_seq ignore nulls) over (
                partition by ticker order by session_seq rows between current row and 2 following
            ) <= session_seq, false
        ) as is_covered
    from filled
),
windowed as (
    select
        *
        {%- for n in windows %},
        -- what covers its last session is in the window, so what covers the others is too
        case when covers_from_seq is not null and count(*) filter (where is_covered) over last_{{ n }} = {{ n }}
            then sum(flow) over last_{{ n }} end as flow_{{ n }}d,
        sum(coalesce(flow_ex_heartbeat, flow)) over last_{{ n }} as flow_ex_heartbeat_{{ n }}d,
        coalesce(first_value(assets) over last_{{ n }}, assets) as assets_{{ n }}d
        {%- endfor %}
    from covered
    window
        {%- for n in windows %}
        last_{{ n }} as (
            partition by ticker order by session_seq rows between {{ n - 1 }} preceding and current row
        ){{ ',' if not loop.last }}
        {%- endfor %}
),
categories as (
    select distinct category, category as shown_as from {{ ref('etf_flows_daily') }}
    union all
    select category, unnest(groups) from (values
        ('us_equity_broad', ['all_equity', 'all_us_equity', 'all_funds']),
        ('us_equity_sector', ['all_equity', 'all_us_equity', 'all_funds']),
        ('value', ['all_equity', 'all_us_equity', 'all_funds']),
        ('growth', ['all_equity', 'all_us_equity', 'all_funds']),
        ('small_cap', ['all_equity', 'all_us_equity', 'all_funds']),
        ('intl_equity', ['all_equity', 'all_funds']),
        ('gov_bond', ['all_bonds', 'all_funds']),
        ('aggregate_bond', ['all_bonds', 'all_funds']),
        ('ig_credit', ['all_bonds', 'all_funds']),
        ('hy_credit', ['all_bonds', 'all_funds']),
        ('short_duration', ['all_bonds', 'all_funds']),
        ('commodity', ['all_commodities', 'all_funds']),
        ('gold', ['all_commodities', 'all_funds'])
    ) as grouped (category, groups)
),
summed as (
    select
        w.session_date,
        w.session_seq,
        g.shown_as as category,
        count(*) as funds_count,
        count(w.flow_1d) as known_funds_count,
        sum(w.assets) as panel_assets,
        sum(w.flow_1d) as flow_1d_sum,
        sum(w.assets) filter (where w.flow_1d is not null) as assets_1d_known,
        sum(w.flow) as flow_known,
        sum(w.assets) filter (where w.flow is not null) as assets_known,
        {%- for n in windows %}
        sum(w.flow_{{ n }}d) as flow_{{ n }}d_sum,
        sum(w.flow_ex_heartbeat_{{ n }}d) filter (where w.flow_{{ n }}d is not null) as flow_ex_heartbeat_{{ n }}d_sum,
        sum(w.assets_{{ n }}d) filter (where w.flow_{{ n }}d is not null) as assets_{{ n }}d_known,
        sum(w.assets_{{ n }}d) as assets_{{ n }}d_sum,
        {%- endfor %}
        max(w.known_at) as known_at,
        max(w.flow_settled_at) as flow_settled_at,
        max(w.settled_at) as settled_at
    from windowed as w
    inner join categories as g on w.category = g.category
    where w.is_in_panel
    group by w.session_date, w.session_seq, g.shown_as
    -- one issuer's report is enough for a row: funds still to come are unknown, not away
    qualify w.session_seq <= max(case when bool_or(w.is_reported) then w.session_seq end) over (partition by g.shown_as)
),
gated as (
    select
        *,
        coalesce(assets_1d_known, 0) / nullif(panel_assets, 0) as coverage_1d,
        case when assets_1d_known >= 0.8 * panel_assets then flow_1d_sum end as flow_1d,
        case when assets_1d_known >= 0.8 * panel_assets then 100 * flow_1d_sum / nullif(assets_1d_known, 0) end as share_1d
        {%- for n in windows %},
        case when assets_{{ n }}d_known >= 0.8 * assets_{{ n }}d_sum then flow_{{ n }}d_sum end as flow_{{ n }}d,
        case when assets_{{ n }}d_known >= 0.8 * assets_{{ n }}d_sum
            then flow_ex_heartbeat_{{ n }}d_sum end as flow_ex_heartbeat_{{ n }}d,
        case when assets_{{ n }}d_known >= 0.8 * assets_{{ n }}d_sum
            then 100 * flow_{{ n }}d_sum / nullif(assets_{{ n }}d_known, 0) end as share_{{ n }}d
        {%- endfor %}
    from summed
),
-- every session on which a fund of the category is active; of groups, from their categories
active as (
    select
        f.category,
        f.session_date,
        count(*) as active_count,
        bool_or({{ has_report('f') }}) as has_report,
        bool_or(f.reason_text = 'not yet') as is_pending,
        max(f.known_at) as row_known_at,
        max(f.flow_settled_at) as row_flow_settled_at,
        max(f.settled_at) as row_settled_at
    from {{ ref('etf_flows_daily') }} as f
    group by f.category, f.session_date
),
spine as (
    select
        g.shown_as as category,
        a.session_date,
        any_value(s.session_seq) as session_seq,
        sum(a.active_count)::bigint as active_count,
        bool_or(a.has_report) as has_report,
        bool_or(a.is_pending) as is_pending,
        max(a.row_known_at) as row_known_at,
        max(a.row_flow_settled_at) as row_flow_settled_at,
        max(a.row_settled_at) as row_settled_at
    from active as a
    inner join {{ ref('sessions') }} as s on a.session_date = s.session_date
    inner join categories as g on a.category = g.category
    group by g.shown_as, a.session_date
),
placed as (
    select
        p.category,
        p.session_date,
        p.session_seq,
        p.active_count,
        g.* exclude (
            category, session_date, session_seq, known_at, flow_settled_at, settled_at
        ),
        case
            when g.flow_1d is not null then null
            when p.is_pending then 'not yet'
            when g.category is not null then 'coverage'
            when p.has_report then 'warm-up: no fund has 63 sessions behind it'
            else 'no report'
        end as reason,
        -- that a flow is missing is known when it was due
        coalesce(g.known_at, p.row_known_at) as known_at,
        case
            when g.flow_1d is not null then g.flow_settled_at else greatest(g.flow_settled_at, p.row_flow_settled_at)
        end as flow_settled_at,
        case when g.flow_1d is not null then g.settled_at else greatest(g.settled_at, p.row_settled_at) end as settled_at
    from spine as p
    left join gated as g on p.category = g.category and p.session_date = g.session_date
),
-- each against the 252 sessions before it, itself left out
scored as (
    select
        * exclude (flow_settled_at, settled_at),
        max(flow_settled_at) over (partition by category order by session_seq) as flow_settled_at,
        max(settled_at) over (partition by category order by session_seq) as settled_at,
        {%- for n in [1] + windows %}
        case when count(share_{{ n }}d) over before_it >= 126
            then (share_{{ n }}d - avg(share_{{ n }}d) over before_it)
                / nullif(stddev_samp(share_{{ n }}d) over before_it, 0) end as zscore_{{ n }}d,
        count(share_{{ n }}d) over before_it as window_count_{{ n }}d,
        {%- endfor %}
        case when count(share_5d) over before_it >= 126
            then (share_5d - median(share_5d) over before_it)
                / nullif(1.4826 * mad(share_5d) over before_it, 0) end as robust_zscore_5d
    from placed
    window before_it as (partition by category order by session_seq rows between 252 preceding and 1 preceding)
)
select
    session_date,
    category,
    starts_with(category, 'all_') as is_group,
    active_count as active_funds_count,
    coalesce(funds_count, 0) as funds_count,
    coalesce(known_funds_count, 0) as known_funds_count,
    round(panel_assets, 6) as panel_net_assets_usd_mn,
    round(coverage_1d, 6) as coverage_ratio,
    flow_1d is not null as is_covered,
    reason as reason_text,
    round(flow_1d, 6) as flow_usd_mn,
    round(share_1d, 8) as flow_pct,
    round(zscore_1d, 6) as flow_zscore,
    window_count_1d as flow_zscore_window_count,
    round(flow_5d, 6) as flow_5d_usd_mn,
    round(share_5d, 8) as flow_5d_pct,
    round(zscore_5d, 6) as flow_5d_zscore,
    window_count_5d as flow_5d_zscore_window_count,
    round(robust_zscore_5d, 6) as flow_5d_robust_zscore,
    window_count_5d as flow_5d_robust_zscore_window_count,
    round(flow_ex_heartbeat_5d, 6) as flow_5d_ex_heartbeat_usd_mn,
    round(flow_21d, 6) as flow_21d_usd_mn,
    round(share_21d, 8) as flow_21d_pct,
    round(zscore_21d, 6) as flow_21d_zscore,
    window_count_21d as flow_21d_zscore_window_count,
    round(flow_ex_heartbeat_21d, 6) as flow_21d_ex_heartbeat_usd_mn,
    zscore_5d >= 2 and share_5d > 0 as is_extreme_inflow,
    zscore_5d <= -2 and share_5d < 0 as is_extreme_outflow,
    round(flow_known, 6) as known_flow_usd_mn,
    round(assets_known, 6) as known_net_assets_usd_mn,
    known_at,
    flow_settled_at,
    settled_at
from scored
