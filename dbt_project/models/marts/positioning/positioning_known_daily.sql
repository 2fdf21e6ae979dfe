{#- What of the headline positions was known at each session's cut-off: per contract the greatest report date that was out, in
    the vintage of that moment. A report that comes late changes nothing once a later one is out. Older than 12 days, as in a
    shutdown, it is NULL, and the date says which report was the newest. -#}
{%- set contracts = dict([('sp500', '13874A'), ('jpy', '097741'), ('us_10y', '043602'), ('vix', '1170E1')]) -%}
{%- set shown = [
    ('sp500', 'asset_manager'), ('sp500', 'leveraged'), ('jpy', 'asset_manager'), ('jpy', 'leveraged'), ('us_10y', 'leveraged'),
    ('vix', 'leveraged')
] -%}
with vintages as (
    select
        contract_code,
        known_at,
        arg_max(
            struct_pack(
                report_date := report_date,
                open_interest := open_interest_contracts,
                asset_manager := asset_manager_long_contracts - asset_manager_short_contracts,
                leveraged := leveraged_long_contracts - leveraged_short_contracts
            ),
            (report_date, {{ newest_last() }})
        ) as newest
    from {{ source('cftc', 'positions') }}
    where contract_code in ('{{ contracts.values() | join("', '") }}')
    group by contract_code, known_at
),
steps as (
    select contract_code, known_at, newest
    from vintages
    qualify newest.report_date >= max(newest.report_date) over (partition by contract_code order by known_at)
),
joined as (
    select
        s.session_date,
        s.cutoff_at,
        {%- for name in contracts %}
        {{ name }}.newest.report_date as {{ name }}_report_date,
        case when s.session_date - {{ name }}.newest.report_date <= 12 then {{ name }}.newest end as {{ name }},
        {{ name }}.known_at as {{ name }}_known_at
        {{- ',' if not loop.last }}
        {%- endfor %}
    from (from {{ ref('sessions') }} where cutoff_at <= {{ run_at() }}) as s
    {%- for name, code in contracts.items() %}
    asof left join (from steps where contract_code = '{{ code }}') as {{ name }} on s.cutoff_at >= {{ name }}.known_at
    {%- endfor %}
)
select
    session_date,
    cutoff_at,
    {%- for name in contracts %}
    {{ name }}_report_date,
    {%- endfor %}
    {%- for name, class in shown %}
    {{ name }}.{{ class }} as {{ name }}_{{ class }}_net_contracts,
    round(100.0 * {{ name }}.{{ class }} / nullif({{ name }}.open_interest, 0), 6) as {{ name }}_{{ class }}_net_oi_pct,
    {%- endfor %}
    session_date - sp500_report_date as sp500_report_age_days,
    greatest({% for name in contracts %}{{ name }}_known_at{{ ', ' if not loop.last }}{% endfor %}) as known_at
from joined
where greatest({% for name in contracts %}{{ name }}_report_date{{ ', ' if not loop.last }}{% endfor %}) is not null
