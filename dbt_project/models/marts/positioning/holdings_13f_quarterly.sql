{#- What each manager held at the end of each quarter, from the reports filed since: the newest whole report counts (a
    restatement replaces), and what amendments with new holdings filed after it add. Changes are against the quarter before, where
    whole reports of both quarters are there: a position that a report lacks is none then. -#}
with filed as (
    select *, (filed_date, accession_number) as place
    from {{ ref('holdings_13f_filed') }}
    where filing_kind <> 'unknown'
),
newest_report as (
    select cik, period_date, max(place) as place
    from filed
    where filing_kind in ('original', 'restatement')
    group by cik, period_date
),
counted as (
    select f.*, n.place is not null and f.is_complete is not false as is_whole
    from filed as f
    left join newest_report as n on f.cik = n.cik and f.period_date = n.period_date
    where f.place = n.place or (f.filing_kind = 'new_holdings' and (n.place is null or f.place > n.place))
),
reports as (
    select
        cik,
        period_date,
        arg_max(manager_name, place) as manager_name,
        max(filed_date) as filed_date,
        bool_and(is_whole) as is_whole,
        max(known_at) as known_at
    from counted
    group by cik, period_date
),
positions as (
    select
        cik,
        period_date,
        cusip,
        put_call,
        share_type,
        arg_max(issuer_name, place) as issuer_name,
        arg_max(title_of_class, place) as title_of_class,
        sum(held_shares) as held_shares,
        sum(principal_usd) as principal_usd,
        sum(value_usd) as value_usd,
        max(scale_fix) as scale_fix,
        max(usual_price_usd) as usual_price_usd,
        bool_or(is_price_off) as is_price_off,
        max(filed_date) as filed_date,
        max(known_at) as known_at
    from counted
    group by cik, period_date, cusip, put_call, share_type
),
before as (
    select * replace (last_day(period_date + interval 3 month) as period_date) from positions
),
reports_before as (
    select * replace (last_day(period_date + interval 3 month) as period_date) from reports
),
paired as (
    select
        coalesce(p.cik, b.cik) as cik,
        coalesce(p.period_date, b.period_date) as period_date,
        coalesce(p.cusip, b.cusip) as cusip,
        coalesce(p.put_call, b.put_call) as put_call,
        coalesce(p.share_type, b.share_type) as share_type,
        coalesce(p.issuer_name, b.issuer_name) as issuer_name,
        coalesce(p.title_of_class, b.title_of_class) as title_of_class,
        p.cik is null as is_gone,
        p.* exclude (cik, period_date, cusip, put_call, share_type, issuer_name, title_of_class, known_at, filed_date),
        p.filed_date as own_filed_date,
        p.known_at as own_known_at,
        coalesce(b.held_shares, b.principal_usd) as amount_before,
        b.held_shares as shares_before,
        b.value_usd as value_before
    from positions as p
    full join before as b
        on p.cik = b.cik and p.period_date = b.period_date and p.cusip = b.cusip
        and p.put_call = b.put_call and p.share_type = b.share_type
),
compared as (
    select
        p.*,
        r.manager_name,
        r.filed_date,
        r.is_whole,
        coalesce(r.is_whole and o.is_whole, false) as has_both,
        coalesce(p.held_shares, p.principal_usd) as amount,
        case when has_both then greatest(r.known_at, o.known_at) else coalesce(p.own_known_at, r.known_at) end as known_at
    from paired as p
    inner join reports as r on p.cik = r.cik and p.period_date = r.period_date
    left join reports_before as o on p.cik = o.cik and p.period_date = o.period_date
    where not p.is_gone or (r.is_whole and o.is_whole)
)
select
    period_date,
    cik,
    manager_name,
    cusip,
    put_call,
    share_type,
    issuer_name,
    title_of_class,
    case when is_gone and share_type = 'shares' then 0 else held_shares end as held_shares,
    case when is_gone and share_type = 'principal' then 0 else principal_usd end as principal_usd,
    case when is_gone then 0 else round(value_usd, 2) end as value_usd,
    case when value_usd > 0 and put_call = 'none' then rank() over (
        partition by cik, period_date, value_usd > 0 and put_call = 'none' order by value_usd desc
    ) end as value_rank,
    round(value_usd / nullif(amount, 0), 6) as price_implied_usd,
    usual_price_usd,
    is_price_off,
    scale_fix,
    case when has_both and share_type = 'shares' then coalesce(held_shares, 0) - coalesce(shares_before, 0) end as change_shares,
    case when has_both then round(coalesce(value_usd, 0) - coalesce(value_before, 0), 2) end as change_value_usd,
    case
        when not has_both then null
        when is_gone then 'closed'
        when amount_before is null then 'new'
        when amount > amount_before then 'added'
        when amount < amount_before then 'reduced'
        else 'unchanged'
    end as change_state,
    is_whole as is_whole_report,
    coalesce(own_filed_date, filed_date) as filed_date,
    known_at
from compared
