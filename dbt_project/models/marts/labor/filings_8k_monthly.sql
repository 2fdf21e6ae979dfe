{#- 8-K filings of whole months by item and industry. A day is whole when the documents of its pages are those that the search
    counts, a month when every weekday is (holidays are asked too, and have none): only then are missing filings none. -#}
with days as (
    select
        file_date,
        sum(documents_count) = max(total_documents_count) as is_whole,
        max(known_at) as known_at
    from ({{ newest('sec', 'answers') }})
    where documents_count is not null
    group by file_date
),
counted as (
    select date_trunc('month', file_date)::date as month_date, max(known_at) as known_at, count(*) as days_count
    from days
    where is_whole and isodow(file_date) < 6
    group by all
),
months as (
    select month_date, known_at
    from counted
    where days_count = len(list_filter(
        range(month_date::timestamp, month_date + interval 1 month, interval 1 day), lambda day: isodow(day) < 6
    ))
),
filings as (
    select
        date_trunc('month', f.file_date)::date as month_date,
        f.item,
        case
            when left(f.sic, 2) between '01' and '09' then 'agriculture'
            when left(f.sic, 2) between '10' and '14' then 'mining'
            when left(f.sic, 2) between '15' and '17' then 'construction'
            when left(f.sic, 2) between '20' and '39' then 'manufacturing'
            when left(f.sic, 2) between '40' and '49' then 'transport_utilities'
            when left(f.sic, 2) between '50' and '51' then 'wholesale'
            when left(f.sic, 2) between '52' and '59' then 'retail'
            when left(f.sic, 2) between '60' and '67' then 'finance'
            when left(f.sic, 2) between '70' and '89' then 'services'
            when left(f.sic, 2) between '91' and '97' then 'public_administration'
            else 'unclassified'
        end as sic_division,
        f.is_amendment,
        string_split(f.ciks, ',') as ciks,
        f.known_at
    from ({{ newest('sec', 'filings') }}) as f
    where f.form is not null
)
select
    f.month_date,
    f.item,
    f.sic_division,
    count(*) filter (where not f.is_amendment) as filings_count,
    count(*) filter (where f.is_amendment) as amendments_count,
    coalesce(len(list_distinct(flatten(list(f.ciks) filter (where not f.is_amendment)))), 0) as filers_count,
    greatest(max(f.known_at), max(m.known_at)) as known_at
from filings as f
inner join months as m on f.month_date = m.month_date
group by f.month_date, f.item, f.sic_division
