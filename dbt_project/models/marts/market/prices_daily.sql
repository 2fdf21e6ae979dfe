{#- Prices as traded, and derived from them the split-adjusted and the dividend-adjusted ones. A split or a
    dividend concerns every session before its date: products of all later ones hang on the first of them. Adjusted
    figures are on the basis of the newest split known and change with the next; raw ones do not. -#}
{#- At a moment: rows known by then, adjusted for the splits and dividends known by then; a return one of whose parts came
    later is NULL. Stored figures hang on the newest basis; what a ticker's last known row still carries of it came later, so
    everything is divided by that. -#}
{%- set as_of -%}
with later as (
    select
        ticker,
        arg_max(
            -- a split already announced for a day to come is part of the basis
            case when basis_known_at <= $moment then 1.0 else split_factor_ratio end, session_date
        ) as splits,
        arg_max(close_dividend_adjusted_usd / close_split_adjusted_usd, session_date) as dividends
    from stored.prices_daily
    group by ticker
)
select p.* replace (
    p.split_factor_ratio / l.splits as split_factor_ratio,
    round(p.close_split_adjusted_usd * l.splits, 8) as close_split_adjusted_usd,
    round(p.volume_split_adjusted_shares / l.splits, 4) as volume_split_adjusted_shares,
    round(p.close_dividend_adjusted_usd * l.splits / l.dividends, 8) as close_dividend_adjusted_usd,
    case when p.return_known_at <= $moment then p.return_ratio end as return_ratio,
    case when p.return_known_at <= $moment then p.total_return_ratio end as total_return_ratio,
    case when p.return_known_at <= $moment then p.return_known_at end as return_known_at,
    case when p.basis_known_at <= $moment then p.basis_known_at end as basis_known_at
)
from stored.prices_daily as p
inner join later as l on p.ticker = l.ticker
{%- endset -%}
{{ config(meta={'as_of': {'select': as_of}}) }}
-- the newest vintages are looked for once
with prices as materialized (
    select p.*, s.session_seq
    from {{ ref('stg_prices') }} as p
    left join {{ ref('sessions') }} as s on p.session_date = s.session_date
),
later_splits as (
    select
        ticker,
        session_date,
        product(split_ratio) over last_first as split_factor,
        max(known_at) over last_first as basis_known_at
    from {{ ref('stg_splits') }}
    window last_first as (partition by ticker order by session_date desc)
),
split_bases as (
    {{ spread_back('prices', 'later_splits', 'split_factor, basis_known_at') }}
),
on_basis as (
    select
        p.*,
        coalesce(l.split_factor, 1.0) as split_factor,
        l.basis_known_at,
        p.close_usd / coalesce(l.split_factor, 1.0) as close_adjusted
    from prices as p
    left join split_bases as l on p.ticker = l.ticker and p.session_seq = l.session_seq
    where p.session_seq is not null
),
-- Prices that came adjusted have neither a split nor a dividend, however long they are; in a large panel as traded nearly
-- every ticker has one. Only Yahoo lists both with its prices.
long_histories as (
    select provider, ticker from prices
    where provider = 'yahoo'
    group by provider, ticker
    having max(session_date) - min(session_date) >= 1825
),
with_events as (
    select ticker from {{ ref('stg_splits') }} union select ticker from {{ ref('stg_dividends') }}
),
bases as (
    select h.provider, if(count(*) >= 20 and count(e.ticker) * 20 < count(*), 'adjusted', 'as_traded') as price_basis
    from long_histories as h
    left join with_events as e on h.ticker = e.ticker
    group by h.provider
),
-- The last price before an ex-dividend session loses what was paid, on one split basis. The ex-date itself may have no
-- bar: the dividend concerns every session before it all the same.
dividends_on_basis as (
    select d.ticker, d.session_date, d.known_at, d.dividend_usd / coalesce(l.split_factor, 1.0) as amount
    from {{ ref('stg_dividends') }} as d
    asof left join later_splits as l on d.ticker = l.ticker and d.session_date < l.session_date
),
dividends_placed as (
    select d.*, s.session_seq as ex_seq
    from dividends_on_basis as d
    asof left join {{ ref('sessions') }} as s on d.session_date <= s.session_date
),
bars as (
    select ticker, session_date, session_seq, close_adjusted from on_basis
),
-- nearly each has a bar of the session before: an ASOF join of all would put every price in order
on_bar_before as (
    select d.ticker, d.session_date, d.known_at, d.amount, p.session_seq, p.close_adjusted
    from dividends_placed as d
    inner join bars as p on d.ticker = p.ticker and d.ex_seq - 1 = p.session_seq
),
without_bar_before as (
    select * from dividends_placed anti join on_bar_before using (ticker, session_date)
),
dividend_steps as (
    select ticker, session_date, known_at, session_seq, 1 - amount / close_adjusted as step from on_bar_before
    union all
    select d.ticker, d.session_date, d.known_at, p.session_seq, 1 - d.amount / p.close_adjusted as step
    from without_bar_before as d
    asof inner join (select * from bars where ticker in (select ticker from without_bar_before)) as p
        on d.ticker = p.ticker and d.session_date > p.session_date
),
-- and the return of the session after that price has it back
dividend_returns as (
    select
        ticker,
        session_seq + 1 as session_seq,
        max(known_at) as known_at,
        product(step) filter (where step > 0) as step
    from dividend_steps
    group by ticker, session_seq
),
split_days as (
    select ticker, session_date, max(known_at) as known_at from {{ ref('stg_splits') }} group by ticker, session_date
),
later_dividends as (
    select
        ticker,
        session_date,
        product(step) over last_first as dividend_factor
    from dividend_steps
    where step > 0 and step <= 1
    window last_first as (partition by ticker order by session_date desc)
),
dividend_bases as (
    {{ spread_back('prices', 'later_dividends', 'dividend_factor') }}
)
select
    p.session_date,
    p.ticker,
    p.open_usd,
    p.high_usd,
    p.low_usd,
    p.close_usd,
    p.volume_shares,
    p.split_factor as split_factor_ratio,
    e.dividend_usd,
    round(p.close_adjusted, 8) as close_split_adjusted_usd,
    round(p.volume_shares * p.split_factor, 4) as volume_split_adjusted_shares,
    round(p.close_adjusted * coalesce(l.dividend_factor, 1.0), 8) as close_dividend_adjusted_usd,
    -- only with a bar of the session before
    case
        when p.session_seq - y.session_seq = 1
            then round(p.close_adjusted / y.close_adjusted - 1, 10)
    end as return_ratio,
    case
        when p.session_seq - y.session_seq = 1
            then round(p.close_adjusted / (y.close_adjusted * coalesce(d.step, 1.0)) - 1, 10)
    end as total_return_ratio,
    p.provider,
    coalesce(b.price_basis, 'as_traded') as price_basis,
    p.known_at,
    case
        when p.session_seq - y.session_seq = 1 then greatest(p.known_at, y.known_at, k.known_at, d.known_at)
    end as return_known_at,
    p.basis_known_at
from on_basis as p
left join (select ticker, session_seq, close_adjusted, known_at from on_basis) as y
    on p.ticker = y.ticker and p.session_seq - 1 = y.session_seq
left join bases as b on p.provider = b.provider
left join split_days as k on p.ticker = k.ticker and p.session_date = k.session_date
left join dividend_returns as d on p.ticker = d.ticker and p.session_seq = d.session_seq
left join {{ ref('stg_dividends') }} as e on p.ticker = e.ticker and p.session_date = e.session_date
left join dividend_bases as l on p.ticker = l.ticker and p.session_seq = l.session_seq
-- the rows of a ticker lie together, so that a reader of one passes over the rest
order by p.ticker, p.session_date
