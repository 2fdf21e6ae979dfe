{#- Flows of the spot bitcoin funds and what they paid, beside the price and the mood (SEN-07). Two costs
    of two groups of funds: of what came in alone, by the price of its day; and the average cost, where what leaves takes coins
    out at the average so far. The second is a recursion: cost(t) = f(t) cost(t-1) + in(t) with f the share of the coins that
    stay, so that cost(t) = F(t) sum(in(s) / F(s)) with F the product of all f so far. A group whose coins have all left has no
    cost any more. -#}
{%- set groups = [('flow', ''), ('ex_gbtc', '_ex_gbtc')] -%}
{%- set first_fund = "date '2024-01-11'" -%}
with flows as (
    select
        flow_date,
        any_value(flow_usd_mn) filter (where fund = 'TOTAL') as flow,
        any_value(flow_usd_mn) filter (where fund = 'GBTC') as gbtc,
        any_value(flow_usd_mn) filter (where fund = 'IBIT') as ibit,
        max(known_at) as known_at
    from ({{ newest('user_file', 'bitcoin_fund_flows') }})
    where flow_date >= {{ first_fund }}
    group by flow_date
),
issuer as (
    select session_date, flow_usd_mn, flow_settled_at from {{ ref('etf_flows_daily') }}
    where ticker = 'IBIT' and flow_usd_mn is not null
),
observed as (
    {{ side_by_side(ref('int_observations_latest'), {'bitcoin': 'price', 'crypto_fear_greed': 'mood'}, of_values=true) }}
),
days as (
    select
        s.session_date,
        s.session_seq,
        o.price,
        o.mood,
        f.flow,
        f.gbtc,
        f.ibit,
        f.flow - f.gbtc as ex_gbtc,
        i.flow_usd_mn as ibit_issuer,
        f.known_at as flow_known_at,
        greatest(o.price_known_at, o.mood_known_at) as observed_at,
        o.price_known_at,
        i.flow_settled_at as issuer_known_at,
        (select max(flow_date) from flows where flow is not null) as last_flow_date
    from {{ ref('sessions') }} as s
    left join observed as o on s.session_date = o.period_date
    left join flows as f on s.session_date = f.flow_date
    left join issuer as i on s.session_date = i.session_date
    where s.session_date >= (select min(period_date) from observed where mood is not null)
        and s.session_date <= (
            select greatest((select max(period_date) from observed), (select max(flow_date) from flows))
        )
),
held as (
    select
        *,
        {%- for column, name in groups %}
        sum({{ column }}) over so_far as cum_{{ column }},
        sum({{ column }} / nullif(price, 0)) over so_far as coins_{{ column }},
        count(*) filter (
            where session_date >= {{ first_fund }} and ({{ column }} is null or {{ column }} <> 0 and price is null)
        ) over so_far as gaps_{{ column }},
        {%- endfor %}
        max(greatest(flow_known_at, case when flow is not null then price_known_at end)) over so_far as cost_known_at
    from days
    window so_far as (order by session_seq)
),
stayed as (
    select
        *,
        {%- for column, name in groups %}
        bool_or({{ column }} < 0 and coins_{{ column }} <= 0) over so_far as is_drained_{{ column }},
        product(
            case
                when {{ column }} < 0 and coins_{{ column }} > 0
                    then coins_{{ column }} / (coins_{{ column }} - {{ column }} / price)
                else 1
            end
        ) over so_far as stay_{{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from held
    window so_far as (order by session_seq)
),
costed as (
    select
        *,
        {%- for column, name in groups %}
        case
            when {{ column }} is not null and gaps_{{ column }} = 0
                then sum(greatest({{ column }}, 0)) over so_far
                    / nullif(sum(greatest({{ column }}, 0) / nullif(price, 0)) over so_far, 0)
        end as gross_{{ column }},
        case
            when {{ column }} is not null and gaps_{{ column }} = 0 and not is_drained_{{ column }}
                then stay_{{ column }} * sum(greatest({{ column }}, 0) / stay_{{ column }}) over so_far
                    / nullif(coins_{{ column }}, 0)
        end as avg_{{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from stayed
    window so_far as (order by session_seq)
)
select
    session_date,
    round(price, 6) as btc_close_usd,
    mood as fear_greed_index,
    round(flow, 6) as flow_usd_mn,
    round(ex_gbtc, 6) as flow_ex_gbtc_usd_mn,
    round(gbtc, 6) as gbtc_flow_usd_mn,
    round(ibit, 6) as ibit_flow_usd_mn,
    round(ibit_issuer, 6) as ibit_issuer_flow_usd_mn,
    round(case when flow is not null and gaps_flow = 0 then cum_flow end, 6) as cum_flow_usd_mn,
    round(case when ex_gbtc is not null and gaps_ex_gbtc = 0 then cum_ex_gbtc end, 6) as cum_flow_ex_gbtc_usd_mn,
    {%- for column, name in groups %}
    round(gross_{{ column }}, 4) as cost_gross{{ name }}_usd,
    round(avg_{{ column }}, 4) as cost_avg{{ name }}_usd,
    round(100 * (price / gross_{{ column }} - 1), 6) as price_to_cost_gross{{ name }}_pct,
    round(100 * (price / avg_{{ column }} - 1), 6) as price_to_cost_avg{{ name }}_pct,
    {%- endfor %}
    case when session_date >= {{ first_fund }} then gaps_flow end as missing_sessions_count,
    case
        when avg_flow is not null then null
        when session_date < {{ first_fund }} then 'no fund yet'
        when last_flow_date is null then 'not supplied'
        when session_date > last_flow_date then 'not supplied after ' || last_flow_date
        when gaps_flow > 0 then gaps_flow || ' sessions without a flow or a price so far'
        else 'more coins left than came in'
    end as reason_text,
    case when avg_flow is not null then cost_known_at end as cost_known_at,
    greatest(observed_at, flow_known_at, cost_known_at, issuer_known_at) as known_at
from costed
