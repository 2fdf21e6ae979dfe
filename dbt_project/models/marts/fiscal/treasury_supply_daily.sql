{#- What the Treasury borrows on the market: marketable securities issued less redeemed, at face value, on each
    session. Bills with cash-management bills; coupons are notes and bonds, inflation-protected and floating-rate ones among
    them. The growth of inflation-protected principal and the Federal Financing Bank raise no money from the market and are left
    out. A day of the statement that is no session counts on the next one. -#}
with statement as (
    select
        record_date,
        {%- for kind in ('bills', 'coupons') %}
        {{ signed_sum("security_kind = '" ~ kind ~ "'", 'Issues') }} as {{ kind }},
        {%- endfor %}
        {{ all_of("security_kind = 'bills' and security_detail = 'Cash Management Series' and transaction_type = 'Issues'") }}
            as cash_bills_issued,
        max(known_at) as known_at
    from ({{ newest('treasury', 'public_debt_transactions') }})
    group by record_date
),
-- Table IIIB: the cash that all debt, also that which is not marketable, brought to the account
cash as (
    select record_date, {{ signed_sum('true', 'Deposits') }} as cash, max(known_at) as known_at
    from ({{ newest('treasury', 'deposits_withdrawals') }})
    where line_bucket = 'public_debt'
    group by record_date
),
placed as (
    select s.session_date, t.* replace (greatest(t.known_at, c.known_at) as known_at), c.cash
    from statement as t
    left join cash as c on t.record_date = c.record_date
    asof join (select session_date from {{ ref('sessions') }}) as s on t.record_date <= s.session_date
),
days as (
    select
        p.session_date,
        any_value(s.session_seq) as session_seq,
        case when count(bills) = count(*) then sum(bills) / 1000 end as bills,
        case when count(coupons) = count(*) then sum(coupons) / 1000 end as coupons,
        case when count(cash_bills_issued) = count(*) then sum(cash_bills_issued) / 1000 end as cash_bills,
        case when count(cash) = count(*) then sum(cash) / 1000 end as cash,
        max(p.record_date) as record_date,
        max(p.known_at) as known_at
    from placed as p
    inner join {{ ref('sessions') }} as s on p.session_date = s.session_date
    group by p.session_date
),
netted as (
    select *, round(bills + coupons, 6) as net from days
),
summed as (
    select
        *,
        {{ full_sum('net', 20) }} as net_20d,
        {{ full_sum('bills', 20) }} as bills_20d,
        {{ full_sum('coupons', 20) }} as coupons_20d,
        {{ full_sum('cash', 20) }} as cash_20d,
        max(known_at) over {{ last_statements(20) }} as window_known_at
    from netted
)
select
    session_date,
    record_date,
    round(bills, 6) as bills_net_usd_bn,
    round(coupons, 6) as coupons_net_usd_bn,
    net as net_usd_bn,
    round(cash_bills, 6) as cash_bills_issued_usd_bn,
    bills_20d as bills_net_20d_usd_bn,
    coupons_20d as coupons_net_20d_usd_bn,
    net_20d as net_20d_usd_bn,
    -- a share of a sum means something while both parts have its sign
    case when bills_20d * net_20d >= 0 and coupons_20d * net_20d >= 0 then round(100 * bills_20d / nullif(net_20d, 0), 6) end
        as bills_share_pct,
    round(cash, 6) as cash_net_usd_bn,
    cash_20d as cash_net_20d_usd_bn,
    round(cash_20d - net_20d, 6) as cash_less_face_20d_usd_bn,
    window_known_at as known_at
from summed
