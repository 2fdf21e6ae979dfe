{#- Volatility of interest rates on each session (quant.md 1.3), with the yields it is about. Only Tokyo's yields are
    carried, over its holidays, with their dates. -#}
{% macro rates_volatility_daily(observations, sessions) %}
with rates as (
    {{ on_sessions(observations, sessions, {
        'move': 'move', 'us_3m_yield': 'us_3m', 'us_10y_yield': 'us_10y', 'us_30y_yield': 'us_30y',
        'us_10y_2y_spread': 'us_10y_2y'
    }) }}
),
jgb as (
    select
        t.session_date,
        t.value as jp_10y,
        t.obs_date as jp_10y_date,
        t.known_at as jp_10y_known_at,
        y.value as jp_30y,
        y.obs_date as jp_30y_date,
        y.known_at as jp_30y_known_at
    from ({{ carried(observations, sessions, 'jgb_10y_yield', tokyo_limit_days('s.session_date')) }}) as t
    inner join ({{ carried(observations, sessions, 'jgb_30y_yield', tokyo_limit_days('s.session_date')) }}) as y
        on t.session_date = y.session_date
),
-- change from the session before that has a yield: bond holidays are not changes of zero
steps as (
    select
        *,
        case
            when session_date - lag(case when us_10y is not null then session_date end ignore nulls) over by_session <= 5
                then 100 * (us_10y - lag(us_10y ignore nulls) over by_session)
        end as us_10y_step
    from rates
    window by_session as (order by session_seq)
)
select
    s.session_date,
    s.move as move_index,
    s.move_known_at,
    round(s.move - {{ value_before('s.move', 5, 's.session_seq') }}, 6) as move_change_5d_index,
    round(s.move - {{ value_before('s.move', 21, 's.session_seq') }}, 6) as move_change_21d_index,
    s.us_3m as us_3m_pct,
    s.us_3m_known_at,
    round(100 * (s.us_3m - {{ value_before('s.us_3m', 21, 's.session_seq') }}), 6) as us_3m_change_21d_bp,
    s.us_10y as us_10y_pct,
    s.us_10y_known_at,
    s.us_30y as us_30y_pct,
    s.us_30y_known_at,
    s.us_10y_2y as us_10y_2y_bp,
    s.us_10y_2y_known_at,
    -- two bond holidays can fall into 21 sessions
    case
        when s.us_10y_step is not null and count(s.us_10y_step) over last_21 >= 19
            then round(stddev_samp(s.us_10y_step) over last_21 * sqrt(252), 6)
    end as us_10y_realised_vol_21d_bp,
    j.jp_10y as jp_10y_pct,
    j.jp_10y_date as jp_10y_obs_date,
    j.jp_10y_known_at,
    round(100 * (j.jp_10y - {{ value_before('j.jp_10y', 5, 's.session_seq') }}), 6) as jp_10y_change_5d_bp,
    j.jp_30y as jp_30y_pct,
    j.jp_30y_date as jp_30y_obs_date,
    j.jp_30y_known_at,
    round(100 * (j.jp_30y - {{ value_before('j.jp_30y', 5, 's.session_seq') }}), 6) as jp_30y_change_5d_bp
from steps as s
left join jgb as j on s.session_date = j.session_date
window
    by_session as (order by s.session_seq),
    last_21 as (order by s.session_seq rows between 20 preceding and current row)
{% endmacro %}
