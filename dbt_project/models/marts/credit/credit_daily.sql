{#- Credit spreads on each session (quant.md 1.5). ICE prints some month-ends on weekends: those rows fall away before
    21 sessions are counted back. -#}
with spreads as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'hy_oas': 'hy_oas', 'ig_oas': 'ig_oas', 'ccc_oas': 'ccc_oas', 'ccc_yield': 'ccc_yield',
        'baa_10y_spread': 'baa_10y'
    }) }}
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
    {{ baa_10y_change_21d('baa_10y') }} as baa_10y_change_21d_bp
from spreads
