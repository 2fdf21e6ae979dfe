{#- How it is known when each series became known, per provider, and whether the release rule keeps its promise.

    A lag runs from the period's date to the moment known of its first print. It is measured where the provider states the
    moment, or where we were watching: periods that landed after the provider's first batch. Of those, one that came by
    its rule counts with the rule's moment, one that was still missing after it with the moment at which we saw it. The
    rule is known for the periods around the run, so the two medians are over the same periods. -#}
with held as (
    select
        series_id,
        provider,
        arg_max(known_basis, (period_date, {{ newest_last() }})) as known_basis,
        min(loaded_at) as first_captured_at,
        min(period_date) as first_period_date,
        max(period_date) as last_period_date,
        count(distinct period_date) as periods_count,
        count(*) filter (where known_basis = 'vintage') as vintage_count,
        count(*) filter (where known_basis = 'captured') as captured_count,
        count(*) filter (where known_basis = 'release_rule') as release_rule_count,
        count(*) filter (where known_basis = 'latest_only') as latest_only_count,
        max(period_date) filter (where known_basis = 'latest_only') as latest_only_through_date
    from {{ ref('int_observations') }}
    group by series_id, provider
),
revised as (
    select series_id, provider, count(*) as periods_count from {{ ref('revisions') }} group by series_id, provider
),
first_prints as (
    select
        series_id,
        provider,
        period_date,
        arg_min(struct_pack(value, known_at, known_basis, loaded_at), ({{ newest_last() }})) as vintage
    from {{ ref('int_observations') }}
    group by series_id, provider, period_date
),
measured as (
    select
        f.series_id,
        f.provider,
        f.period_date,
        epoch(f.vintage.known_at - f.period_date::timestamp) / 86400 as lag_days
    from first_prints as f
    inner join held as h on f.series_id = h.series_id and f.provider = h.provider
    where f.vintage.value is not null
        and (f.vintage.known_basis = 'vintage' or f.vintage.loaded_at > h.first_captured_at)
),
lags as (
    select
        f.series_id,
        f.provider,
        count(*) as measured_count,
        median(f.lag_days) as measured_days,
        count(r.release_at) as compared_count,
        median(f.lag_days) filter (where r.release_at is not null) as compared_days,
        median(epoch(r.release_at - r.period_date::timestamp) / 86400) as rule_days
    from measured as f
    left join {{ source('calendar', 'releases') }} as r
        on f.series_id = r.series_id and f.provider = r.provider and f.period_date = r.period_date
    group by f.series_id, f.provider
)
select
    p.series_id,
    p.provider,
    p.provider_rank,
    h.known_basis,
    h.first_captured_at,
    h.first_period_date,
    h.last_period_date,
    coalesce(h.periods_count, 0) as periods_count,
    coalesce(r.periods_count, 0) as revised_periods_count,
    coalesce(h.vintage_count, 0) as vintage_count,
    coalesce(h.captured_count, 0) as captured_count,
    coalesce(h.release_rule_count, 0) as release_rule_count,
    coalesce(h.latest_only_count, 0) as latest_only_count,
    h.latest_only_through_date,
    coalesce(l.measured_count, 0) as measured_periods_count,
    round(l.measured_days, 4) as measured_lag_median_days,
    coalesce(l.compared_count, 0) as compared_periods_count,
    round(l.compared_days, 4) as compared_lag_median_days,
    round(l.rule_days, 4) as rule_lag_median_days,
    -- both to the minute: a rule and a stated moment may differ by seconds
    round((l.compared_days - l.rule_days) * 1440) > 0 as is_later_than_rule
from {{ source('catalog', 'providers') }} as p
left join held as h on p.series_id = h.series_id and p.provider = h.provider
left join revised as r on p.series_id = r.series_id and p.provider = r.provider
left join lags as l on p.series_id = l.series_id and p.provider = l.provider
