{#- What was known at each session's cut-off, one wide row.
    A series that has ended is no gap. -#}
{#- What only a file of the user's can bring is no gap while there is none. -#}
{%- set optional = ['challenger_cuts', 'fms_cash_pct', 'fms_equity_net_pct'] -%}
{#- The inputs of what was known: series and the column its value takes (unit last). -#}
{%- set inputs = [
    ('fed_total_assets', 'fed_total_assets', 'usd_bn'),
    ('tga_daily', 'tga', 'usd_bn'),
    ('on_rrp', 'on_rrp', 'usd_bn'),
    ('tga_wednesday', 'tga_wednesday', 'usd_bn'),
    ('reserve_balances_wednesday', 'reserve_balances', 'usd_bn'),
    ('primary_credit', 'primary_credit', 'usd_bn'),
    ('bank_term_funding', 'bank_term_funding', 'usd_bn'),
    ('sofr', 'sofr', 'pct'),
    ('sofr_99th_percentile', 'sofr_99th_percentile', 'pct'),
    ('sofr_volume', 'sofr_volume', 'usd_bn'),
    ('effr', 'effr', 'pct'),
    ('iorb', 'iorb', 'pct'),
    ('ioer', 'ioer', 'pct'),
    ('ted_spread', 'ted_spread', 'bp'),
    ('us_3m_yield', 'us_3m', 'pct'),
    ('us_2y_yield', 'us_2y', 'pct'),
    ('us_10y_yield', 'us_10y', 'pct'),
    ('us_30y_yield', 'us_30y', 'pct'),
    ('jgb_2y_yield', 'jp_2y', 'pct'),
    ('jgb_10y_yield', 'jp_10y', 'pct'),
    ('jgb_30y_yield', 'jp_30y', 'pct'),
    ('usdjpy', 'usdjpy', 'rate'),
    ('broad_dollar', 'broad_dollar', 'index'),
    ('move', 'move', 'index'),
    ('hy_oas', 'hy_oas', 'bp'),
    ('ig_oas', 'ig_oas', 'bp'),
    ('ccc_oas', 'ccc_oas', 'bp'),
    ('ccc_yield', 'ccc_yield', 'pct'),
    ('baa_10y_spread', 'baa_10y', 'bp'),
    ('vix_close', 'vix', 'index'),
    ('vix9d_close', 'vix9d', 'index'),
    ('vix3m_close', 'vix3m', 'index'),
    ('vix6m_close', 'vix6m', 'index'),
    ('vvix_close', 'vvix', 'index'),
    ('skew_close', 'skew', 'index'),
    ('sp500_close', 'sp500_close', 'index'),
    ('put_call_total_ratio', 'put_call_total', 'ratio'),
    ('put_call_equity_ratio', 'put_call_equity', 'ratio'),
    ('put_call_index_ratio', 'put_call_index', 'ratio'),
    ('nfci', 'nfci', 'index'),
    ('stlfsi', 'stlfsi', 'index'),
    ('ofr_fsi', 'ofr_fsi', 'index'),
    ('tga_week_average', 'tga_weekavg', 'usd_bn'),
    ('fed_treasuries', 'fed_treasuries', 'usd_bn'),
    ('fed_mbs', 'fed_mbs', 'usd_bn'),
    ('gold_future', 'gold', 'usd'),
    ('silver_future', 'silver', 'usd'),
    ('dollar_index', 'dollar', 'index'),
    ('bitcoin', 'bitcoin', 'usd'),
    ('vix_high', 'vix_high', 'index'),
    ('dspx_close', 'dspx', 'index'),
    ('consumer_credit_total', 'consumer_credit', 'usd_bn'),
    ('consumer_credit_revolving', 'revolving_credit', 'usd_bn'),
    ('consumer_credit_total_flow', 'consumer_credit_flow', 'usd_bn'),
    ('consumer_credit_revolving_flow', 'revolving_credit_flow', 'usd_bn'),
    ('real_pce', 'real_pce_saar', 'usd_bn'),
    ('card_delinquency_30dpd_banks', 'card_30dpd_banks', 'pct'),
    ('continued_claims', 'continued_claims', 'count'),
    ('jolts_layoffs_rate', 'layoffs_rate', 'pct'),
    ('permanent_job_losers', 'permanent_losers', 'count'),
    ('challenger_cuts', 'challenger_cuts', 'count'),
    ('fms_cash_pct', 'fms_cash', 'pct'),
    ('fms_equity_net_pct', 'fms_equity_net', 'pct'),
    ('equities_nonfinancial', 'equities_nonfin', 'usd_bn'),
    ('equities_financial', 'equities_fin', 'usd_bn'),
    ('gdp', 'gdp', 'usd_bn'),
    ('margin_debt', 'margin_debt', 'usd_bn'),
    ('unrate', 'unrate', 'pct'),
    ('sahm_realtime', 'sahm_realtime', 'pct'),
    ('initial_claims', 'initial_claims', 'count'),
] -%}
{#- One row per session and series: what it says of a series is picked whole, since an aggregate for each of two hundred
    columns would look at every row two hundred times. -#}
with picked as (
    select
        session_date,
        max(cutoff_at) as cutoff_at
        {%- for series_id, name, unit in inputs %},
        any_value(known) filter (where series_id = '{{ series_id }}') as {{ name }}
        {%- endfor %},
        string_agg(series_id, ', ' order by series_id)
            filter (where value is not null and known_basis = 'latest_only') as latest_only_inputs
    from (
        select *, struct_pack(value := value, obs_date := obs_date, known_at := known_at, reason := reason) as known
        from {{ ref('int_known') }}
    ) as k
    group by session_date
),
wide as (
    select
        session_date,
        cutoff_at
        {%- for series_id, name, unit in inputs %},
        {{ name }}.value as {{ name }}_{{ unit }},
        {{ name }}.obs_date as {{ name }}_obs_date,
        {{ name }}.known_at as {{ name }}_known_at,
        {{ name }}.reason as {{ name }}_reason
        {%- endfor %},
        latest_only_inputs
    from picked
),
-- before the reverse repo facility's first operation there was nothing to subtract
netted as (
    select
        *,
        case when session_date < date '2013-09-23' then coalesce(on_rrp_usd_bn, 0.0) else on_rrp_usd_bn end as rrp
    from wide
),
ended as (
    select
        {%- for series_id, name, unit in inputs %}
        max(end_date) filter (where series_id = '{{ series_id }}') as {{ series_id }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ source('catalog', 'series') }}
)
select
    n.session_date,
    n.cutoff_at,
    {%- for series_id, name, unit in inputs %}
    n.{{ name }}_{{ unit }},
    n.{{ name }}_obs_date,
    n.{{ name }}_known_at,
    {%- endfor %}
    round(n.fed_total_assets_usd_bn - n.tga_usd_bn - n.rrp, 6) as net_liquidity_known_usd_bn,
    case
        when n.fed_total_assets_usd_bn - n.tga_usd_bn - n.rrp is not null
            then greatest(
                n.fed_total_assets_obs_date, n.tga_obs_date, case when n.on_rrp_usd_bn is not null then n.on_rrp_obs_date end
            ) - least(
                n.fed_total_assets_obs_date, n.tga_obs_date, case when n.on_rrp_usd_bn is not null then n.on_rrp_obs_date end
            )
    end as net_liquidity_known_mixed_days,
    round(100 * (n.us_2y_pct - n.jp_2y_pct), 6) as carry_2y_known_bp,
    round(n.vix_index / n.vix3m_index, 6) as vix_vix3m_known_ratio,
    nullif(concat_ws(
        ', '
        {%- for series_id, name, unit in inputs %},
        case
            when n.{{ name }}_{{ unit }} is null and (e.{{ series_id }} is null or n.session_date <= e.{{ series_id }})
                {{- ' and n.' ~ name ~ '_obs_date is not null' if series_id in optional }}
                then '{{ series_id }}: ' || case
                    when n.{{ name }}_reason = 'disputed' then 'providers differ on ' || n.{{ name }}_obs_date
                    else coalesce('stale since ' || n.{{ name }}_obs_date, 'missing')
                end
        end
        {%- endfor %}
    ), '') as unknown_reasons,
    n.latest_only_inputs
from netted as n
cross join ended as e
