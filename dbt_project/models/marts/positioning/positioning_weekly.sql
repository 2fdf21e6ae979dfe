{#- Positions in futures by class of trader, newest vintages. The z-score is over the last 156 reports of the contract and class,
    itself included, once there are so many within 164 weeks. -#}
{%- set classes = ['dealer', 'asset_manager', 'leveraged', 'other_reportable', 'nonreportable'] -%}
with reports as (
    from ({{ newest('cftc', 'positions') }})
    where open_interest_contracts is not null
),
by_class as (
    {%- for class in classes %}
    select
        report_date,
        contract_code,
        contract_id,
        asset_class,
        '{{ class }}' as trader_class,
        contract_id || '_{{ class }}' as position_id,
        {{ class }}_long_contracts as long_contracts,
        {{ class }}_short_contracts as short_contracts,
        {{ class ~ '_spread_contracts' if class != 'nonreportable' else 'null::bigint' }} as spread_contracts,
        open_interest_contracts,
        {{ class }}_long_contracts - {{ class }}_short_contracts as net_contracts,
        round(
            100.0 * ({{ class }}_long_contracts - {{ class }}_short_contracts) / nullif(open_interest_contracts, 0), 6
        ) as net_oi_pct,
        known_at
    from reports
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)
select
    report_date,
    contract_code,
    contract_id,
    asset_class,
    trader_class,
    position_id,
    long_contracts,
    short_contracts,
    spread_contracts,
    open_interest_contracts,
    net_contracts,
    case
        when report_date - lag(report_date) over reported <= 10
            then net_contracts - lag(net_contracts) over reported
    end as net_change_contracts,
    net_oi_pct,
    case
        when net_oi_pct is not null and count(*) over last_156 = 156 and report_date - min(report_date) over last_156 <= 164 * 7
            then round((net_oi_pct - avg(net_oi_pct) over last_156) / nullif(stddev_samp(net_oi_pct) over last_156, 0), 6)
    end as net_oi_156w_zscore,
    known_at
from by_class
window
    reported as (partition by contract_code, trader_class order by report_date),
    last_156 as (
        partition by contract_code, trader_class, net_oi_pct is null
        order by report_date
        rows between 155 preceding and current row
    )
