{#- Net liquidity on each session: the last Wednesday's assets less the Treasury's daily close less
    reverse repo, each carried no further than 9, 6 and 5 calendar days. A leg beyond that leaves the whole NULL: never
    a partial sum. Assets are a step function inside the week; daily changes are moves of the other two. -#}
with legs as (
    select
        a.session_date,
        a.session_seq,
        a.value as assets,
        a.obs_date as assets_date,
        a.known_at as assets_known_at,
        a.last_date as assets_last_date,
        a.is_disputed as assets_is_disputed,
        t.value as tga,
        t.obs_date as tga_date,
        t.known_at as tga_known_at,
        t.last_date as tga_last_date,
        t.is_disputed as tga_is_disputed,
        r.obs_date as rrp_date,
        r.known_at as rrp_known_at,
        r.last_date as rrp_last_date,
        r.is_disputed as rrp_is_disputed,
        -- before the facility's first operation there was nothing to subtract
        case when a.session_date < date '2013-09-23' then coalesce(r.value, 0.0) else r.value end as rrp,
        a.session_date < date '2013-09-23' and r.value is null as is_before_facility
    from ({{ carried(ref('int_observations_latest'), ref('sessions'), 'fed_total_assets', 9) }}) as a
    inner join ({{ carried(ref('int_observations_latest'), ref('sessions'), 'tga_daily', 6) }}) as t on a.session_date = t.session_date
    inner join ({{ carried(ref('int_observations_latest'), ref('sessions'), 'on_rrp', 5) }}) as r on a.session_date = r.session_date
    where a.session_date >= (
        select min(period_date) from {{ ref('int_observations_latest') }} where series_id in ('fed_total_assets', 'tga_daily')
    )
),
netted as (
    select
        *,
        round(assets - tga - rrp, 6) as net_liquidity,
        -- net liquidity and assets are each session's own by definition; the other two when they are of its date
        case when tga_date = session_date then tga end as own_tga,
        case when rrp_date = session_date or is_before_facility then rrp end as own_rrp
    from legs
)
select
    session_date,
    net_liquidity as net_liquidity_usd_bn,
    assets as fed_total_assets_usd_bn,
    assets_date as fed_total_assets_obs_date,
    assets_known_at as fed_total_assets_known_at,
    tga as tga_usd_bn,
    tga_date as tga_obs_date,
    tga_known_at,
    rrp as on_rrp_usd_bn,
    rrp_date as on_rrp_obs_date,
    rrp_known_at as on_rrp_known_at,
    is_before_facility as is_on_rrp_before_facility,
    case
        when net_liquidity is not null
            then greatest(assets_date, tga_date, rrp_date) - least(assets_date, tga_date, rrp_date)
    end as net_liquidity_mixed_days,
    case when net_liquidity is not null then greatest(assets_known_at, tga_known_at, rrp_known_at) end as known_at,
    round(net_liquidity - {{ base_before('net_liquidity', 5) }}, 6) as net_liquidity_change_5d_usd_bn,
    round(assets - {{ base_before('assets', 5) }}, 6) as fed_total_assets_change_5d_usd_bn,
    round(own_tga - {{ base_before('own_tga', 5) }}, 6) as tga_change_5d_usd_bn,
    round(own_rrp - {{ base_before('own_rrp', 5) }}, 6) as on_rrp_change_5d_usd_bn,
    nullif(concat_ws(
        '; ',
        {%- for series_id, leg in {'fed_total_assets': 'assets', 'tga_daily': 'tga', 'on_rrp': 'rrp'}.items() %}
        case
            when {{ leg }} is null and {{ leg }}_is_disputed
                then '{{ series_id }}: providers differ on ' || {{ leg }}_last_date
            when {{ leg }} is null then '{{ series_id }}: ' || coalesce('none since ' || {{ leg }}_last_date, 'never any')
        end{{ ',' if not loop.last }}
        {%- endfor %}
    ), '') as missing_reason
from netted
