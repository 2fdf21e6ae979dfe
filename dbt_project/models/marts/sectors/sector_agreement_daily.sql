{#- How many of a fund's ten largest stocks have a stop-fall pattern active, and their volume against the 50 sessions
    before: "do they pull together". The stocks are those of the newest holdings file known at the cut-off. History
    begins with our first file. -#}
{%- set fund = 'IGV' -%}
with largest as (
    select as_of_date, known_at, upper(replace(trim(holding_ticker), '.', '-')) as ticker, weight_pct
    from {{ ref('stg_holdings') }}
    where fund_ticker = '{{ fund }}' and weight_pct > 0
        and coalesce(lower(asset_class), 'equity') in ('equity', 'stock', 'common stock', 'equities')
        and regexp_full_match(upper(trim(holding_ticker)), '[A-Z]+([./ -][A-Z]{1,2})?')
    qualify row_number() over (partition by as_of_date order by weight_pct desc, holding_ticker) <= 10
),
files as (
    select as_of_date, max(known_at) as known_at from largest group by as_of_date
),
read_at as (
    select s.session_date, s.session_seq, max(f.as_of_date) as as_of_date
    from {{ ref('sessions') }} as s
    inner join files as f on f.as_of_date <= s.session_date and f.known_at <= s.cutoff_at
    where s.session_seq - (
        select max(session_seq) from {{ ref('sessions') }} where session_date <= f.as_of_date
    ) <= 21
    group by s.session_date, s.session_seq
),
members as (
    select distinct ticker from largest
),
bars as (
    {{ split_adjusted_bars(ref('prices_daily'), ref('sessions'), 'members') }}
),
events as (
    {{ stop_fall_events('bars') }}
),
volumes as (
    select
        ticker,
        session_date,
        known_at,
        case
            when count(volume_shares) over fifty_before = 50
                then volume_shares / nullif(avg(volume_shares) over fifty_before, 0)
        end as volume_ratio
    from bars
    window fifty_before as (partition by ticker order by session_seq rows between 50 preceding and 1 preceding)
),
stocks as (
    select
        r.session_date,
        r.as_of_date,
        l.ticker,
        v.volume_ratio,
        v.ticker is not null as is_priced,
        greatest(l.known_at, v.known_at) as known_at,
        exists (
            select 1 from events as e
            where e.ticker = l.ticker and e.event_date <= r.session_date
                and (e.invalidated_date is null or e.invalidated_date > r.session_date)
                and (e.expired_date is null or e.expired_date > r.session_date)
        ) as is_active
    from read_at as r
    inner join largest as l on r.as_of_date = l.as_of_date
    left join volumes as v on l.ticker = v.ticker and r.session_date = v.session_date
)
select
    session_date,
    '{{ fund }}' as fund_ticker,
    max(as_of_date) as holdings_date,
    count(*) as largest_count,
    count(*) filter (where is_priced) as with_price_count,
    count(*) filter (where is_priced and is_active) as active_count,
    round(100.0 * count(*) filter (where is_priced and is_active) / nullif(count(*) filter (where is_priced), 0), 6) as active_pct,
    round(median(volume_ratio), 6) as median_volume_ratio,
    string_agg(ticker, ', ' order by ticker) filter (where is_priced and is_active) as active_tickers,
    max(known_at) as known_at
from stocks
group by session_date
having count(*) filter (where is_priced) > 0
