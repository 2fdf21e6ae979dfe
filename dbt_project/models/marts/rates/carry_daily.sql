{#- The dollar-yen carry on each session. A yield missing that day is the last one within 5 calendar
    days (Tokyo: 7, around New Year and in Golden Week 10), with its own date. The yen leg is 13 to 14 hours older. -#}
with yields as (
    select
        u.session_date,
        u.session_seq,
        u.value as us_2y,
        u.obs_date as us_2y_date,
        u.known_at as us_2y_known_at,
        j.value as jp_2y,
        j.obs_date as jp_2y_date,
        j.known_at as jp_2y_known_at,
        {{ carry_2y('u.value', 'j.value') }} as carry
    from ({{ carried(ref('int_observations_latest'), ref('sessions'), 'us_2y_yield', 5) }}) as u
    inner join ({{ carried(ref('int_observations_latest'), ref('sessions'), 'jgb_2y_yield', tokyo_limit_days('s.session_date')) }}) as j
        on u.session_date = j.session_date
    where u.session_date >= (
        select min(period_date) from {{ ref('int_observations_latest') }} where series_id in ('us_2y_yield', 'jgb_2y_yield', 'usdjpy')
    )
),
fx as (
    select *, {{ usdjpy_vol_21d_step('usdjpy') }} as usdjpy_step
    from ({{ on_sessions(ref('int_observations_latest'), ref('sessions'), {'usdjpy': 'usdjpy', 'broad_dollar': 'broad_dollar'}) }})
),
steps as (
    select
        y.*,
        -- with a yield that is carried over a holiday it is no carry of the session's own
        case when y.us_2y_date = y.session_date and y.jp_2y_date = y.session_date then y.carry end as own_carry,
        f.usdjpy,
        f.usdjpy_known_at,
        f.broad_dollar,
        f.broad_dollar_known_at,
        f.usdjpy_step
    from yields as y
    left join fx as f on y.session_date = f.session_date
),
moves as (
    select
        *,
        {{ carry_2y_change_21d('own_carry') }} as carry_change_21d,
        {{ usdjpy_return_10d('usdjpy') }} as usdjpy_return_10d,
        {{ usdjpy_vol_21d('usdjpy_step') }} as usdjpy_vol_21d,
        {{ usdjpy_vol_63d('usdjpy_step') }} as usdjpy_vol_63d
    from steps
)
select
    session_date,
    us_2y as us_2y_pct,
    us_2y_date as us_2y_obs_date,
    us_2y_known_at,
    jp_2y as jp_2y_pct,
    jp_2y_date as jp_2y_obs_date,
    jp_2y_known_at,
    carry as carry_2y_bp,
    carry_change_21d as carry_2y_change_21d_bp,
    usdjpy as usdjpy_rate,
    usdjpy_known_at,
    usdjpy_return_10d as usdjpy_return_10d_ratio,
    usdjpy_vol_21d as usdjpy_vol_21d_pct,
    {{ usdjpy_vol_21d_3y_percentile('usdjpy_vol_21d') }} as usdjpy_vol_21d_3y_percentile,
    {{ usdjpy_vol_21d_3y_percentile_window_count('usdjpy_vol_21d') }} as usdjpy_vol_21d_3y_percentile_window_count,
    usdjpy_vol_63d as usdjpy_vol_63d_pct,
    -- percent over percent: the spread in bp is a hundredth of a percent
    round(carry / 100 / nullif(usdjpy_vol_63d, 0), 9) as carry_to_risk_ratio,
    broad_dollar as broad_dollar_index,
    broad_dollar_known_at
from moves
