{#- What the Treasury pays out and takes in on each session: refunds of income tax to persons, transfers to
    persons, and the rest by bucket. Refunds are those issued (checks and transfers, from 2005); the other flows are the lines of
    the Treasury's account, from March 2023. A day of the statement that is no session counts on the next one. -#}
{%- set withdrawals = ('transfers', 'health', 'interest', 'defense', 'salaries') -%}
{%- set deposits = ('taxes', 'customs') -%}
with refunds as (
    select
        record_date,
        {{ all_of("line_bucket = 'refunds_individual'") }} as refunds_individual,
        {{ all_of("line_bucket = 'refunds_business'") }} as refunds_business,
        max(known_at) as known_at
    from ({{ newest('treasury', 'tax_refunds') }})
    group by record_date
),
flows as (
    select
        record_date,
        {%- for bucket in withdrawals %}
        {{ all_of("line_bucket = '" ~ bucket ~ "' and transaction_type = 'Withdrawals'") }} as {{ bucket }},
        {%- endfor %}
        {%- for bucket in deposits %}
        {{ all_of("line_bucket = '" ~ bucket ~ "' and transaction_type = 'Deposits'") }} as {{ bucket }},
        {%- endfor %}
        {%- for side in ('Deposits', 'Withdrawals') %}
        {{ all_of("line_bucket not in ('total', 'public_debt') and transaction_type = '" ~ side ~ "'") }} as {{ side | lower }},
        {%- endfor %}
        max(known_at) as known_at
    from ({{ newest('treasury', 'deposits_withdrawals') }})
    group by record_date
),
statement as (
    select
        coalesce(r.record_date, f.record_date) as record_date,
        r.* exclude (record_date, known_at),
        f.* exclude (record_date, known_at),
        greatest(r.known_at, f.known_at) as known_at
    from refunds as r
    full join flows as f on r.record_date = f.record_date
),
placed as (
    select s.session_date, t.*
    from statement as t
    asof join (select session_date from {{ ref('sessions') }}) as s on t.record_date <= s.session_date
),
{%- set columns = ('refunds_individual', 'refunds_business') + withdrawals + deposits + ('deposits', 'withdrawals') %}
days as (
    select
        p.session_date,
        any_value(s.session_seq) as session_seq,
        {%- for column in columns %}
        case when count({{ column }}) = count(*) then round(sum({{ column }}) / 1000, 6) end as {{ column }},
        {%- endfor %}
        max(p.record_date) as record_date,
        max(p.known_at) as known_at
    from placed as p
    inner join {{ ref('sessions') }} as s on p.session_date = s.session_date
    group by p.session_date
),
summed as (
    select
        *,
        {{ full_sum('refunds_individual', 20) }} as refunds_individual_20d,
        {{ full_sum('transfers', 20) }} as transfers_20d,
        {{ full_sum('withdrawals - deposits', 20) }} as deficit_20d,
        max(known_at) over {{ last_statements(20) }} as window_known_at
    from days
),
-- the session nearest before the same day of the year before, at most five days off
compared as (
    select
        n.*,
        case when y.session_date >= n.session_date - interval 1 year - interval 5 day then y.refunds_individual_20d end as year_ago,
        case when y.session_date >= n.session_date - interval 1 year - interval 5 day then y.window_known_at end as year_ago_known_at
    from summed as n
    asof left join (select session_date, refunds_individual_20d, window_known_at from summed) as y
        on n.session_date - interval 1 year >= y.session_date
)
select
    session_date,
    record_date,
    refunds_individual as tax_refunds_individual_usd_bn,
    refunds_individual_20d as tax_refunds_individual_20d_usd_bn,
    round(100 * (refunds_individual_20d / nullif(year_ago, 0) - 1), 6) as tax_refunds_individual_20d_yoy_pct,
    refunds_business as tax_refunds_business_usd_bn,
    transfers as transfers_usd_bn,
    transfers_20d as transfers_20d_usd_bn,
    {%- for column in withdrawals[1:] + deposits %}
    {{ column }} as {{ column }}_usd_bn,
    {%- endfor %}
    deposits as receipts_usd_bn,
    withdrawals as outlays_usd_bn,
    round(withdrawals - deposits, 6) as cash_deficit_usd_bn,
    deficit_20d as cash_deficit_20d_usd_bn,
    greatest(window_known_at, year_ago_known_at) as known_at
from compared
