{#- Volatility of interest rates on each session, with the yields it is about. Only Tokyo's yields are
    carried, over its holidays, with their dates. -#}
with rates as (
    {{ on_sessions(ref('int_observations_latest'), ref('sessions'), {
        'move': 'move', 'us_3m_yield': 'us_3m', 'us_10y_yield': 'us_10y', 'us_30y_yield': 'us_30y',
        'us_10y_2y_spread': 'us_10y_2y', 'us_2y_yield': 'us_2y', 'term_premium_10y': 'term_premium',
        'breakeven_5y5y': 'breakeven'
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
    from ({{ carried(ref('int_observations_latest'), ref('sessions'), 'jgb_10y_yield', tokyo_limit_days('s.session_date')) }}) as t
    inner join ({{ carried(ref('int_observations_latest'), ref('sessions'), 'jgb_30y_yield', tokyo_limit_days('s.session_date')) }}) as y
        on t.session_date = y.session_date
),
-- over one session: a bond holiday is no change of zero, and a closure of the exchange, however long, is no gap
steps as (
    select *, {{ us_10y_realised_vol_21d_step('us_10y') }} as us_10y_step
    from rates
),
-- long Treasuries as a fund, price only: below the highest of a year
treasuries as (
    select
        session_date,
        known_at,
        close_usd,
        case
            when count(*) over last_252 = 252
                then round(100 * (close_split_adjusted_usd / max(close_split_adjusted_usd) over last_252 - 1), 6)
        end as drawdown
    from {{ ref('prices_daily') }}
    where ticker = 'TLT'
    window last_252 as (order by session_date rows between 251 preceding and current row)
),
-- a yield that is carried over a holiday of Tokyo is none of the session's own
moved as (
    select
        s.*,
        j.* exclude (session_date),
        t.close_usd as tlt,
        t.drawdown as tlt_drawdown,
        t.known_at as tlt_known_at,
        case when j.jp_10y_date = s.session_date then j.jp_10y end as own_jp_10y,
        case when j.jp_30y_date = s.session_date then j.jp_30y end as own_jp_30y
    from steps as s
    left join jgb as j on s.session_date = j.session_date
    left join treasuries as t on s.session_date = t.session_date
),
-- a change ends at a day of Tokyo's that is a session; what it starts from may be a day on which New York was closed, so it is
-- the carried yield of the session 5 back, as old as its own date
{%- set five_back = 'first_value(session_date) over (order by session_seq range between 5 preceding and 5 preceding)' %}
jumps as (
    select
        *,
        round(100 * (own_jp_10y - {{ base_before('jp_10y', 5, day='jp_10y_date', then_date=five_back) }}), 6) as jp_10y_jump,
        round(100 * (own_jp_30y - {{ base_before('jp_30y', 5, day='jp_30y_date', then_date=five_back) }}), 6) as jp_30y_jump
    from moved
)
select
    session_date,
    move as move_index,
    move_known_at,
    {{ move_change_5d('move') }} as move_change_5d_index,
    {{ move_change_21d('move') }} as move_change_21d_index,
    us_3m as us_3m_pct,
    us_3m_known_at,
    round(100 * (us_3m - {{ base_before('us_3m', 21) }}), 6) as us_3m_change_21d_bp,
    round(100 * (us_2y - {{ base_before('us_2y', 21) }}), 6) as us_2y_change_21d_bp,
    us_10y as us_10y_pct,
    us_10y_known_at,
    us_30y as us_30y_pct,
    us_30y_known_at,
    us_10y_2y as us_10y_2y_bp,
    us_10y_2y_known_at,
    {{ us_10y_realised_vol_21d('us_10y_step') }} as us_10y_realised_vol_21d_bp,
    jp_10y as jp_10y_pct,
    jp_10y_date as jp_10y_obs_date,
    jp_10y_known_at,
    jp_10y_jump as jp_10y_change_5d_bp,
    {{ rolling_zscore('jp_10y_jump', 252, 315) }} as jp_10y_change_5d_zscore,
    jp_30y as jp_30y_pct,
    jp_30y_date as jp_30y_obs_date,
    jp_30y_known_at,
    jp_30y_jump as jp_30y_change_5d_bp,
    {{ rolling_zscore('jp_30y_jump', 252, 315) }} as jp_30y_change_5d_zscore,
    term_premium as term_premium_10y_pct,
    term_premium_known_at as term_premium_10y_known_at,
    breakeven as breakeven_5y5y_pct,
    breakeven_known_at as breakeven_5y5y_known_at,
    tlt as tlt_close_usd,
    tlt_drawdown as tlt_drawdown_252d_pct,
    tlt_known_at
from jumps
