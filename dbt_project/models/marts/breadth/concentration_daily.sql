{#- Weight of the ten largest companies of a fund on the day of its holdings file: share classes of a company
    are one, cash, futures and funds are left out, the rest is brought to 100 %. A company is known by its name without
    its share class; the symbols of share classes whose names differ are listed. From the first file on every fund whose
    files are taken has a row for each session: without a file it says so, "not yet" until the cut-off of the next. -#}
with lines as (
    select
        fund_ticker,
        as_of_date,
        upper(trim(holding_name)) as name,
        replace(upper(trim(coalesce(holding_ticker, ''))), '.', '') as symbol,
        weight_pct,
        known_at,
        coalesce(lower(asset_class), 'equity') in ('equity', 'stock', 'common stock', 'equities')
        and regexp_full_match(upper(trim(coalesce(holding_ticker, ''))), '[A-Z]+([./ -][A-Z]{1,2})?')
        and not regexp_matches(
            upper(holding_name), '\b(CASH|FUTURES?|US DOLLAR|USD|MONEY MARKET|MARGIN|COLLATERAL|LIQUIDITY|GOVT MMKT)\b|EMINI|E-MINI'
        ) as is_stock
    from {{ ref('stg_holdings') }}
),
companies as (
    select
        fund_ticker,
        as_of_date,
        case
            when symbol in ('GOOG', 'GOOGL') then 'ALPHABET'
            when symbol in ('FOX', 'FOXA') then 'FOX'
            when symbol in ('NWS', 'NWSA') then 'NEWS'
            when symbol in ('UA', 'UAA') then 'UNDER ARMOUR'
            when symbol in ('BRKA', 'BRKB') then 'BERKSHIRE HATHAWAY'
            else trim(regexp_replace(name, '[ ,.-]+(CLASS|CL|SERIES|SER|SHARES)[ .-]+[A-Z]$', ''))
        end as company,
        sum(weight_pct) as weight
    from lines
    where is_stock
    group by all
),
ranked as (
    select
        *,
        100 * weight / sum(weight) over snapshot as share,
        row_number() over (partition by fund_ticker, as_of_date order by weight desc, company) as place
    from companies
    window snapshot as (partition by fund_ticker, as_of_date)
),
totals as (
    select
        fund_ticker,
        as_of_date,
        count(*) filter (where is_stock) as stocks_count,
        sum(weight_pct) filter (where not is_stock) as excluded,
        max(known_at) as known_at
    from lines
    group by fund_ticker, as_of_date
),
told as (
    select
        t.as_of_date as session_date,
        t.fund_ticker,
        round(sum(r.share) filter (where r.place <= 10), 6) as top10_weight_pct,
        round(sum(r.share) filter (where r.place = 1), 6) as top1_weight_pct,
        string_agg(r.company, ', ' order by r.place) filter (where r.place <= 10) as top10_companies,
        count(r.company) as companies_count,
        t.stocks_count,
        round(coalesce(t.excluded, 0), 6) as excluded_weight_pct,
        t.known_at
    from totals as t
    left join ranked as r on t.fund_ticker = r.fund_ticker and t.as_of_date = r.as_of_date
    group by t.as_of_date, t.fund_ticker, t.stocks_count, t.excluded, t.known_at
),
-- a file of a day that is no session counts for nobody
first_file as (
    select min(t.session_date) as first_date
    from told as t
    inner join {{ ref('sessions') }} as s on t.session_date = s.session_date
),
taken as (
    select ticker, active_from, active_to from {{ source('catalog', 'funds') }} where takes_holdings
    union
    select distinct fund_ticker, null::date, null::date from told
    where fund_ticker not in (select ticker from {{ source('catalog', 'funds') }} where takes_holdings)
)
select
    s.session_date,
    f.ticker as fund_ticker,
    t.top10_weight_pct,
    t.top1_weight_pct,
    t.top10_companies,
    t.companies_count,
    t.stocks_count,
    t.excluded_weight_pct,
    case
        when t.top10_weight_pct is not null then null
        when t.fund_ticker is not null then 'no stocks in the file'
        when coalesce(n.cutoff_at > {{ run_at() }}, true) then 'not yet'
        else 'no holdings file'
    end as reason_text,
    coalesce(
        t.known_at, case when coalesce(n.cutoff_at > {{ run_at() }}, true) then s.close_at else n.cutoff_at end
    ) as known_at
from {{ ref('sessions') }} as s
cross join taken as f
left join {{ ref('sessions') }} as n on s.session_seq + 1 = n.session_seq
left join told as t on s.session_date = t.session_date and f.ticker = t.fund_ticker
where s.session_date >= (select first_date from first_file)
    and s.session_date >= coalesce(f.active_from, s.session_date)
    and s.session_date <= coalesce(f.active_to, s.session_date)
