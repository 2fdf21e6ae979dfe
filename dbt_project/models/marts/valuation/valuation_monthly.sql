{#- Valuation of US stocks by month: Shiller's cyclically adjusted and trailing price over earnings, and
    the forward one of a file of the user's, the month's last figure. Ranks and scores look back only.
    Earnings of a month lie on the line to those of its quarter, so a file that already has them when it is first loaded shows
    what nobody knew with the price: they count from three months after the quarter, or from when we had them if that was sooner. -#}
{%- set as_of -%}
select * replace (
    {%- for column in ('trailing_pe_ratio', 'trailing_pe_percentile', 'trailing_pe_known_at') %}
    case when trailing_pe_known_at <= $moment then {{ column }} end as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
)
from stored.valuation_monthly
{%- endset -%}
{{ config(meta={'as_of': {'select': as_of}}) }}
{#- An entry of the catalog for files of the user's: without one, and without a file, the columns are NULL. -#}
{%- set forward_pe = 'forward_pe' -%}
with shiller as (
    select
        month_date,
        price_index as price,
        cape_ratio as cape,
        -- earnings of loss years leave no ratio
        case when earnings_index > 0 then round(price_index / earnings_index, 6) end as trailing_pe,
        is_newest,
        known_at,
        known_basis,
        case
            when known_basis <> 'latest_only' then known_at
            else greatest(
                known_at,
                least(loaded_at, {{ new_york("last_day(date_trunc('quarter', month_date) + interval 5 month) + interval 1 day") }})
            )
        end as earnings_known_at
    from ({{ newest('shiller', 'market_months') }})
),
forward as (
    select
        date_trunc('month', period_date)::date as month_date,
        arg_max(value, period_date) as pe,
        max(period_date) as pe_date,
        arg_max(known_at, period_date) as known_at
    from {{ ref('int_observations_latest') }}
    where series_id = '{{ forward_pe }}' and value is not null
    group by all
),
vendors as (
    select period_date, nullif(arg_max(code, ({{ newest_last() }})), '{{ forward_pe }}') as vendor
    from {{ source('user_file', 'observations') }}
    where series_id = '{{ forward_pe }}'
    group by period_date
),
months as (
    select
        coalesce(s.month_date, f.month_date) as month_date,
        s.price,
        s.cape,
        s.trailing_pe,
        s.is_newest,
        s.known_basis,
        case when s.trailing_pe is not null then s.earnings_known_at end as trailing_pe_known_at,
        f.pe,
        f.pe_date,
        v.vendor,
        greatest(s.known_at, f.known_at) as known_at
    from shiller as s
    full join forward as f on s.month_date = f.month_date
    left join vendors as v on f.pe_date = v.period_date
),
scored as (
    select
        *,
        count(pe) over thirty_years as pe_count,
        avg(pe) over thirty_years as pe_mean,
        stddev_samp(pe) over thirty_years as pe_deviation
    from months
    window thirty_years as (
        -- one vendor's figures are not another's
        partition by vendor order by month_date range between interval 359 months preceding and current row
    )
)
select
    month_date,
    price as price_index,
    is_newest as is_price_partial,
    round(cape, 6) as cape_ratio,
    {{ expanding_percentile('cape', 120, 'month_date') }} as cape_percentile,
    trailing_pe as trailing_pe_ratio,
    {{ expanding_percentile('trailing_pe', 120, 'month_date') }} as trailing_pe_percentile,
    trailing_pe_known_at,
    pe as forward_pe_ratio,
    pe_date as forward_pe_obs_date,
    case when pe is not null and pe_count >= 120 then round((pe - pe_mean) / nullif(pe_deviation, 0), 6) end as forward_pe_zscore,
    case when pe is not null then pe_count end as forward_pe_window_count,
    vendor,
    known_basis,
    known_at
from scored
