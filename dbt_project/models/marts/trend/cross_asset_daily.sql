{#- Other assets on NYSE sessions. Each market keeps days of its own: a session has the newest close of a day
    up to its date, at most 5 sessions old (Hong Kong and the mainland close before New York opens, and for a week around the
    lunar new year; bitcoin has a close on every day). Returns are of what the sessions have. The deviation is that of the 252
    returns before the session's own. -#}
{%- set assets = cross_assets() -%}
with days as (
    select
        case series_id
            {%- for one in assets if one.series is defined %}
            when '{{ one.series }}' then '{{ one.asset }}'
            {%- endfor %}
        end as asset,
        period_date as obs_date,
        value as close_number,
        known_at
    from {{ ref('int_observations_latest') }}
    where value is not null
        and series_id in ('{{ assets | selectattr("series", "defined") | map(attribute="series") | join("', '") }}')
    union all
    select ticker, session_date, close_split_adjusted_usd, known_at
    from {{ ref('prices_daily') }}
    where ticker in ('{{ assets | selectattr("ticker", "defined") | map(attribute="ticker") | join("', '") }}')
),
own_days as (
    select
        *,
        {{ sessions_before('close_number', 5, 'partition by asset order by obs_date') }} as close_5_days_before
    from days
),
placed as (
    select d.*, s.session_seq as obs_seq
    from own_days as d
    asof inner join {{ ref('sessions') }} as s on d.obs_date >= s.session_date
),
assets as (
    select asset, min(obs_date) as first_date from days group by asset
),
sampled as (
    select
        s.session_date,
        s.session_seq,
        a.asset,
        case when s.session_seq - p.obs_seq <= 5 then p.obs_date end as obs_date,
        case when s.session_seq - p.obs_seq <= 5 then p.close_number end as close_number,
        case when s.session_seq - p.obs_seq <= 5 then p.known_at end as known_at,
        case when p.obs_date = s.session_date then p.close_5_days_before end as close_5_days_before
    from (select * from {{ ref('sessions') }} cross join assets) as s
    inner join assets as a on s.asset = a.asset and s.session_date >= a.first_date
    asof left join placed as p on s.asset = p.asset and s.session_date >= p.obs_date
    where s.session_date <= (select max(obs_date) from days)
),
moved as (
    select
        *,
        case
            when close_number > 0 and {{ sessions_before('close_number', 5, 'by_asset') }} > 0
                then 100 * (close_number / {{ sessions_before('close_number', 5, 'by_asset') }} - 1)
        end as return_5d,
        greatest(known_at, {{ sessions_before('known_at', 5, 'by_asset') }}) as return_known_at
    from sampled
    window by_asset as (partition by asset order by session_seq)
),
scaled as (
    select
        *,
        case when count(return_5d) over before >= 240 then stddev_samp(return_5d) over before end as sigma_5d
    from moved
    window before as (partition by asset order by session_seq rows between 252 preceding and 1 preceding)
),
flagged as (
    select
        *,
        asset in (
            {%- for one in assets if one.counted %}'{{ one.asset }}'{{ ', ' if not loop.last }}{% endfor -%}
        ) as is_counted,
        return_5d <= -1.65 * sigma_5d as is_drawdown
    from scaled
)
select
    session_date,
    asset,
    round(close_number, 8) as close_number,
    case asset
        {%- for one in assets %}
        when '{{ one.asset }}' then '{{ one.unit }}'
        {%- endfor %}
    end as unit,
    obs_date,
    round(return_5d, 6) as return_5d_pct,
    round(
        case when close_number > 0 and close_5_days_before > 0 then 100 * (close_number / close_5_days_before - 1) end, 6
    ) as return_5_own_days_pct,
    round(sigma_5d, 6) as sigma_252_5d_pct,
    is_drawdown,
    is_counted,
    case
        when count(is_drawdown) filter (where is_counted) over (partition by session_date) > 0
            then count(*) filter (where is_counted and is_drawdown) over (partition by session_date)
    end as drawdowns_count,
    count(is_drawdown) filter (where is_counted) over (partition by session_date) as assets_count,
    -- the counts are of other assets too
    greatest(
        coalesce(return_known_at, known_at),
        max(return_known_at) filter (where is_counted and is_drawdown is not null) over (partition by session_date)
    ) as known_at
from flagged
