{#- What consumers borrowed, earned, saved and spent, month by month.

    Changes of credit are differences of two levels of one provider (the first of the catalog that has the series) and of
    one release. First: the level that the month was first printed with, less that of the month before as it stood within
    a day of that print: what a release revises is dated by its day, the new month by its hour. Latest: newest less newest.
    A first print that is not known (known_basis latest_only: history loaded when it may have been revised) is NULL.

    Breaks in the level. The Board also prints the flow of the month, which leaves them out: where its own level changed by
    another figure than its flow, there is a break. For months of which no flow was collected: a change of more than five
    times the median size of the changes of up to 60 months before (12 at least), which also meets true flows of a crisis. -#}
{%- set monthly = {
    'personal_saving_rate': 'saving_rate', 'retail_sales': 'retail', 'real_retail_sales': 'real_retail', 'pce': 'pce',
    'real_pce': 'real_pce', 'real_disposable_income': 'real_income', 'personal_current_transfers': 'transfers',
    'consumer_sentiment': 'sentiment'
} -%}
{%- set credits = {'consumer_credit_total': 'total', 'consumer_credit_revolving': 'revolving'} -%}
with prints as (
    select series_id, period_date, value, known_at, known_basis, loaded_at, payload_sha256
    from {{ ref('int_observations') }}
    where series_id in ('{{ credits.keys() | join("', '") }}')
    qualify provider_rank = min(provider_rank) over (partition by series_id)
),
months as (
    select
        series_id,
        period_date,
        arg_min(value, ({{ newest_last() }})) filter (where value is not null) as first_level,
        min(known_at) filter (where value is not null) as first_at,
        arg_min(known_basis, ({{ newest_last() }})) filter (where value is not null) as first_basis,
        arg_max(struct_pack(value), ({{ newest_last() }})).value as latest_level,
        max(known_at) as latest_at
    from prints
    group by series_id, period_date
),
changed as (
    select
        m.series_id,
        m.period_date,
        case when m.first_basis <> 'latest_only' then m.first_level - b.value end as first_change,
        greatest(m.first_at, b.known_at) as first_at,
        m.latest_level - p.latest_level as latest_change,
        greatest(m.latest_at, p.latest_at) as known_at
    from months as m
    left join months as p on m.series_id = p.series_id and m.period_date = p.period_date + interval 1 month
    asof left join (
        select series_id, (period_date + interval 1 month)::date as next_date, value, known_at from prints
    ) as b on m.series_id = b.series_id and m.period_date = b.next_date and m.first_at + interval 1 day >= b.known_at
),
-- the Board's own level and flow are of one file
board as (
    select
        replace(series_id, '_flow', '') as series_id,
        period_date,
        max(level) as level,
        max(flow) as flow
    from (
        select
            series_id,
            period_date,
            case when not ends_with(series_id, '_flow')
                then arg_max(struct_pack(value), ({{ newest_last() }})).value
            end as level,
            case when ends_with(series_id, '_flow')
                then arg_max(struct_pack(value), ({{ newest_last() }})).value
            end as flow
        from {{ ref('int_observations') }}
        where provider = 'federal_reserve'
            and series_id in ({% for name in credits %}'{{ name }}', '{{ name }}_flow'{{ ', ' if not loop.last }}{% endfor %})
        group by series_id, period_date
    ) as newest
    group by all
),
judged as (
    select
        c.*,
        case
            when b.flow is not null and b.level - p.level is not null then abs(b.level - p.level - b.flow) > 0.5
            when count(c.latest_change) over before >= 12
                then greatest(abs(c.first_change), abs(c.latest_change)) > 5 * median(abs(c.latest_change)) over before
        end as is_break
    from changed as c
    left join board as b on c.series_id = b.series_id and c.period_date = b.period_date
    left join board as p on c.series_id = p.series_id and c.period_date = p.period_date + interval 1 month
    window before as (partition by c.series_id order by c.period_date rows between 60 preceding and 1 preceding)
),
credit as (
    select
        period_date,
        {%- for series_id, name in credits.items() %}
        max(first_change) filter (where series_id = '{{ series_id }}') as {{ name }}_first,
        max(first_at) filter (where series_id = '{{ series_id }}' and first_change is not null) as {{ name }}_first_at,
        max(latest_change) filter (where series_id = '{{ series_id }}') as {{ name }}_latest,
        {%- endfor %}
        bool_or(is_break) as is_break,
        max(known_at) as known_at
    from judged
    group by period_date
),
levels as (
    select period_date, {% for name in credits.values() -%}
        max(latest_level) filter (where series_id = 'consumer_credit_{{ name }}') as {{ name }}{{ ', ' if not loop.last }}
        {%- endfor %}
    from months
    group by period_date
),
others as (
    {{- side_by_side(ref('int_observations_latest'), monthly, of_values=true) }}
)
select
    coalesce(c.period_date, o.period_date) as month_date,
    round(l.total, 6) as total_credit_usd_bn,
    round(c.total_first, 6) as total_credit_change_first_usd_bn,
    c.total_first_at as total_credit_change_first_known_at,
    round(c.total_latest, 6) as total_credit_change_latest_usd_bn,
    round(l.revolving, 6) as revolving_credit_usd_bn,
    round(c.revolving_first, 6) as revolving_change_first_usd_bn,
    c.revolving_first_at as revolving_change_first_known_at,
    round(c.revolving_latest, 6) as revolving_change_latest_usd_bn,
    c.is_break as is_level_break,
    o.saving_rate as saving_rate_pct,
    o.retail as retail_sales_usd_bn,
    round(100 * (o.retail / m.retail - 1), 6) as retail_sales_mom_pct,
    o.real_retail as real_retail_sales_usd_bn,
    o.pce as pce_saar_usd_bn,
    o.real_pce as real_pce_saar_usd_bn,
    o.real_income as real_income_saar_usd_bn,
    round(100 * (o.real_income / y.real_income - 1), 6) as real_income_yoy_pct,
    o.transfers as transfers_saar_usd_bn,
    o.sentiment as consumer_sentiment_index,
    greatest(c.known_at, o.known_at, m.retail_known_at, y.real_income_known_at) as known_at
from credit as c
full join others as o on c.period_date = o.period_date
left join levels as l on c.period_date = l.period_date
left join others as m on o.period_date = m.period_date + interval 1 month
left join others as y on o.period_date = y.period_date + interval 1 year
