{#- What each member of an index did on each session, for drill-down. A stock is a member from the
    open of start_date, and on end_date no more. Stocks are joined on permid, never on ticker: tickers are recycled. A
    member without a price has a row that says so. Nothing here is on an adjusted basis, so no later split changes it. -#}
select
    s.session_date,
    m.universe,
    m.permid,
    coalesce(f.ticker, m.ticker) as ticker,
    m.security_name,
    m.sector,
    case
        when m.sector is not null then null
        when m.end_date is not null then 'left the index: the list has sectors of its members only'
        else 'the list has no sector'
    end as sector_reason,
    f.close_usd,
    round(f.return_ratio, 10) as return_ratio,
    f.return_ratio is not null as is_priced,
    f.is_advance,
    f.is_decline,
    f.is_unchanged,
    f.is_above_50dma,
    f.is_above_200dma,
    f.is_new_high_252d,
    f.is_new_low_252d,
    -- that there is no price is known when the session has closed
    greatest(f.known_at, m.known_at, s.close_at) as known_at,
    greatest(f.settled_at, f.known_at, m.known_at, s.close_at) as settled_at
from {{ ref('sessions') }} as s
inner join {{ ref('stg_index_members') }} as m
    on s.session_date >= m.start_date and s.session_date < coalesce(m.end_date, date '9999-12-31')
left join {{ source('breadth', 'features') }} as f on m.permid = f.permid and s.session_date = f.session_date
where s.session_date >= (select min(session_date) from {{ source('breadth', 'features') }})
