{#- What the `..._as_of(ts)` table macros of the published file are made of. models/intermediate/int_as_of.sql renders
    it; warehouse/asof.py stores it. -#}

{#- The moment asked for, naive UTC. `ts` is the macros' parameter: a moment without a zone is UTC, one with a zone
    (TIMESTAMPTZ, or a text that ends in one) is that instant, whatever the TimeZone of the session. The seconds of a text
    may be left out. warehouse/asof.py says the same for the marts whose stored rows are kept. -#}
{% macro as_of_moment() -%}
case
    when typeof(ts) = 'TIMESTAMP WITH TIME ZONE' then make_timestamp(epoch_us(ts::timestamptz))
    when regexp_matches(ts::varchar, ':.*([Zz+-]|[ ][A-Za-z])') then make_timestamp(epoch_us(
        regexp_replace(ts::varchar, '^([^:]*:[0-9]{2})([^:0-9]|$)', '\1:00\2')::timestamptz
    ))
    else ts::timestamp
end
{%- endmacro %}


{#- The selects of the marts by period, from their own macros. They read known_observations and known_sessions. -#}
{% macro by_period_bodies() %}
{%- set observations, sessions = 'known_observations', 'known_sessions' -%}
{{ return({
    'net_liquidity_weekly': net_liquidity_weekly(observations),
    'net_liquidity_daily': net_liquidity_daily(observations, sessions),
    'funding_daily': funding_daily(observations, sessions),
    'rates_volatility_daily': rates_volatility_daily(observations, sessions),
    'carry_daily': carry_daily(observations, sessions),
    'credit_daily': credit_daily(observations, sessions),
    'volatility_daily': volatility_daily(observations, sessions),
    'options_sentiment_daily': options_sentiment_daily(observations, sessions),
}) }}
{% endmacro %}


{#- `body` over the newest vintages known by then and the sessions that had closed by then. `ctes`: more relations that it
    reads, by name. -#}
{% macro over_what_was_known(body, ctes={}) %}
with known_observations as (
    {{ latest_observations(
        '(' ~ agreed_observations(own_days('marts.observations'), 'marts.disagreements') ~ ')', known_by=as_of_moment()
    ) }}
),
known_sessions as (
    select * from marts.sessions where close_at <= {{ as_of_moment() }}
)
{%- for name, text in ctes.items() %},
{{ name }} as materialized (
    {{ text }}
)
{%- endfor %}
select * from (
    {{ body }}
)
{% endmacro %}


{#- The wide row at a moment: the same join, over each part at that moment. -#}
{% macro market_daily_as_of(bodies) %}
{%- set relations, ctes = {}, {} %}
{%- for part in [
    'net_liquidity_daily', 'funding_daily', 'rates_volatility_daily', 'carry_daily', 'credit_daily', 'volatility_daily',
    'options_sentiment_daily', 'breadth_daily', 'concentration_daily', 'etf_category_flows_daily', 'leveraged_etf_daily'
] %}
{%- do relations.update({part: 'known_' ~ part}) %}
{%- do ctes.update({'known_' ~ part: bodies.get(part, 'select * from marts.' ~ part ~ '_as_of(ts)')}) %}
{%- endfor %}
{{ over_what_was_known(market_daily(relations, 'known_observations', 'known_sessions'), ctes) }}
{% endmacro %}


{#- Prices at a moment: rows known by then, adjusted for the splits and dividends known by then; a return one of whose parts
    came later is NULL. Stored figures hang on
    the newest basis; what a ticker's last known row still carries of it came later, so everything is divided by that. -#}
{% macro prices_daily_as_of() %}
with known_prices as (
    select * from marts.prices_daily where known_at <= {{ as_of_moment() }}
),
later as (
    select
        ticker,
        arg_max(
            -- a split already announced for a day to come is part of the basis
            case when basis_known_at <= {{ as_of_moment() }} then 1.0 else split_factor_ratio end, session_date
        ) as splits,
        arg_max(close_dividend_adjusted_usd / close_split_adjusted_usd, session_date) as dividends
    from known_prices
    group by ticker
)
select p.* replace (
    p.split_factor_ratio / l.splits as split_factor_ratio,
    round(p.close_split_adjusted_usd * l.splits, 8) as close_split_adjusted_usd,
    round(p.volume_split_adjusted_shares / l.splits, 4) as volume_split_adjusted_shares,
    round(p.close_dividend_adjusted_usd * l.splits / l.dividends, 8) as close_dividend_adjusted_usd,
    case when p.return_known_at <= {{ as_of_moment() }} then p.return_ratio end as return_ratio,
    case when p.return_known_at <= {{ as_of_moment() }} then p.total_return_ratio end as total_return_ratio,
    case when p.return_known_at <= {{ as_of_moment() }} then p.return_known_at end as return_known_at,
    case when p.basis_known_at <= {{ as_of_moment() }} then p.basis_known_at end as basis_known_at
)
from known_prices as p
inner join later as l on p.ticker = l.ticker
{% endmacro %}


{#- Episodes at a moment: those whose beginning was known, and of one that was not yet over then, no end. -#}
{% macro regime_episodes_as_of() %}
with known_sessions as (
    select session_date from marts.regime_daily where cutoff_at <= {{ as_of_moment() }}
),
begun as (
    select
        *,
        coalesce(ended_known_at <= {{ as_of_moment() }}, false) as is_over,
        (select max(session_date) from known_sessions) as newest_date
    from marts.regime_episodes
    where began_known_at <= {{ as_of_moment() }}
)
select * exclude (is_over, newest_date) replace (
    case when is_over then ended_date end as ended_date,
    case when is_over then ended_known_at end as ended_known_at,
    case
        when is_over then sessions_count
        else (select count(*) from known_sessions as k where k.session_date >= begun.began_date)
    end as sessions_count,
    case when is_over then calendar_days else newest_date - began_date + 1 end as calendar_days,
    case when is_over then went_to_state end as went_to_state,
    not is_over as is_running
)
from begun
{% endmacro %}


{#- What followed, as far as it had: returns of horizons that were over, by the last close known then. -#}
{% macro forward_returns_daily_as_of() %}
select r.* replace (
    case when r.entry_date <= p.last_date then r.entry_basis end as entry_basis,
    case when r.entry_date <= p.last_date then r.entry_open_index end as entry_open_index,
    case when r.entry_date <= p.last_date then r.entry_close_index end as entry_close_index
    {%- for horizon in [5, 21, 63, 126, 252] %}
    {%- for kind, exit, known in [('', 'exit', 'p'), ('close_', 'close_exit', 'p'), ('total_', 'close_exit', 'f')] %}
    {%- set is_over = 'r.' ~ exit ~ '_' ~ horizon ~ 'd_date <= ' ~ known ~ '.last_date' %}
    {%- for measure in (['return'] if kind == 'total_' else ['return', 'max_adverse']) %}
    {%- set column = kind ~ measure ~ '_' ~ horizon ~ 'd_ratio' %},
    case when {{ is_over }} then r.{{ column }} end as {{ column }}
    {%- endfor %}
    {%- set column = kind ~ 'return_' ~ horizon ~ 'd_reason' %},
    case when {{ is_over }} then r.{{ column }} else 'pending' end as {{ column }}
    {%- endfor %}
    {%- endfor %}
)
from marts.forward_returns_daily as r
cross join (
    select max(period_date) as last_date
    from marts.observations
    where series_id = 'sp500_close' and value is not null and known_at <= {{ as_of_moment() }}
) as p
cross join (
    select max(session_date) as last_date from marts.prices_daily where ticker = 'SPY' and known_at <= {{ as_of_moment() }}
) as f
where r.cutoff_at <= {{ as_of_moment() }}
{% endmacro %}
