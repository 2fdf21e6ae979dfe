{#- Credit spreads on each session. ICE prints some month-ends on weekends: those rows fall away before
    21 sessions are counted back. -#}
with spreads as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'hy_oas': 'hy_oas', 'ig_oas': 'ig_oas', 'ccc_oas': 'ccc_oas', 'ccc_yield': 'ccc_yield',
        'baa_10y_spread': 'baa_10y'
    }) }}
),
nfci_credit as (
    select session_date, value, obs_date, known_at from (
        {{ carried(ref('int_observations_latest'), ref('sessions'), 'nfci_credit', 14) }}
    ) as week
),
premium as (
    select session_date, value, obs_date, known_at from (
        {{ carried(ref('int_observations_latest'), ref('sessions'), 'excess_bond_premium', 100) }}
    ) as month
)
select
    session_date,
    hy_oas as hy_oas_bp,
    hy_oas_known_at,
    {{ hy_oas_change_21d('hy_oas') }} as hy_oas_change_21d_bp,
    ig_oas as ig_oas_bp,
    ig_oas_known_at,
    round(ig_oas - {{ base_before('ig_oas', 21) }}, 6) as ig_oas_change_21d_bp,
    ccc_oas as ccc_oas_bp,
    ccc_oas_known_at,
    ccc_yield as ccc_yield_pct,
    ccc_yield_known_at,
    baa_10y as baa_10y_bp,
    baa_10y_known_at,
    {{ baa_10y_change_21d('baa_10y') }} as baa_10y_change_21d_bp,
    n.value as nfci_credit_index,
    n.obs_date as nfci_credit_obs_date,
    n.known_at as nfci_credit_known_at,
    p.value as excess_bond_premium_pct,
    p.obs_date as excess_bond_premium_obs_date,
    p.known_at as excess_bond_premium_known_at
from spreads as s
left join nfci_credit as n using (session_date)
left join premium as p using (session_date)
