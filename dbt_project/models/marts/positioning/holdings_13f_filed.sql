{#- Every position of every report as it was filed, brought to dollars. Values are dollars in reports filed
    since 2023-01-03 and thousands before; some filers kept writing thousands. What shows it is the price of a share that a row
    implies, against the one that most rows of the whole data set imply for that day: near a thousandth of it, the value is in
    thousands. A row without such a price follows the rest of its report. Any other price that is off stays as filed. -#}
with filings as (
    select
        *,
        case
            when not is_amendment then 'original'
            else coalesce(amendment_type, 'unknown')
        end as filing_kind,
        case when file_date < date '2023-01-03' then 1000 else 1 end as factor_of_date
    from ({{ newest('sec', 'filings_13f') }})
    where report_date is not null
),
positions as (
    select
        h.* exclude (usual_price, usual_price_rows_count, known_at),
        f.report_date,
        f.manager_name,
        f.filing_kind,
        f.factor_of_date,
        f.entries_stated_count = f.entries_count as is_complete,
        f.is_confidential_omitted,
        greatest(h.known_at, f.known_at) as known_at,
        -- few file late for an old quarter: the price of the data set in which most did
        arg_max(h.usual_price, h.usual_price_rows_count) over (
            partition by f.report_date, h.cusip order by h.file_date
        ) as usual_price,
        max(h.usual_price_rows_count) over (
            partition by f.report_date, h.cusip order by h.file_date
        ) as usual_price_rows_count
    from ({{ newest('sec', 'holdings_13f') }}) as h
    inner join filings as f on h.accession_number = f.accession_number
    where h.value is not null
),
priced as (
    select
        *,
        case
            when share_type = 'shares' and amount > 0 then value * factor_of_date / amount / nullif(usual_price, 0)
        end as ratio,
        case
            when ratio between 0.0009 and 0.0011 and factor_of_date = 1 then 1000.0
            when ratio between 900 and 1100 and factor_of_date = 1000 then 0.001
            when ratio is not null then 1.0
        end as fix_by_price
    from positions
),
by_filing as (
    select
        *,
        case
            when count(fix_by_price) over filing < 3 then 1.0
            when count(*) filter (where fix_by_price = 1000) over filing >= 0.9 * count(fix_by_price) over filing then 1000.0
            when count(*) filter (where fix_by_price = 0.001) over filing >= 0.9 * count(fix_by_price) over filing then 0.001
            else 1.0
        end as fix_by_filing
    from priced
    window filing as (partition by accession_number)
),
fixed as (
    select *, value * factor_of_date * coalesce(fix_by_price, fix_by_filing) as value_usd
    from by_filing
)
select
    cik,
    manager_name,
    report_date as period_date,
    file_date as filed_date,
    accession_number,
    filing_kind,
    is_complete,
    is_confidential_omitted,
    cusip,
    put_call,
    share_type,
    issuer_name,
    title_of_class,
    case when share_type = 'shares' then amount end as held_shares,
    case when share_type = 'principal' then amount end as principal_usd,
    value as value_as_filed_number,
    round(value_usd, 2) as value_usd,
    case
        when fix_by_price = 1000 then 'thousands_by_price'
        when fix_by_price = 0.001 then 'dollars_by_price'
        when fix_by_price is null and fix_by_filing = 1000 then 'thousands_by_filing'
        when fix_by_price is null and fix_by_filing = 0.001 then 'dollars_by_filing'
        when factor_of_date = 1000 then 'thousands_by_date'
    end as scale_fix,
    round(value_usd / nullif(amount, 0), 6) as price_implied_usd,
    round(usual_price, 6) as usual_price_usd,
    usual_price_rows_count,
    case
        when share_type = 'shares' and amount > 0 and usual_price > 0
            then abs(value_usd / amount / usual_price - 1) > 0.1
    end as is_price_off,
    lots_count,
    known_at
from fixed
