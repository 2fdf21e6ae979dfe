"""claims.results_as_of(ts): what the events and outcomes known by a moment say, out of claims.events."""

from __future__ import annotations

from typing import Final

from analytics.regimes.statistics import Z_95

_HIT: Final = (
    "case when r.claimed = 'up' then e.outcome_number > r.hit_threshold_number "
    "else e.outcome_number < r.hit_threshold_number end"
)
_WILSON: Final = """
    greatest(0, (p + {z2} / (2 * n) - {z} * sqrt(p * (1 - p) / n + {z2} / (4 * n * n))) / (1 + {z2} / n))
        as hit_low_ratio,
    least(1, (p + {z2} / (2 * n) + {z} * sqrt(p * (1 - p) / n + {z2} / (4 * n * n))) / (1 + {z2} / n))
        as hit_high_ratio
""".format(z=Z_95, z2=Z_95 * Z_95)

RESULTS_AS_OF: Final = f"""
with known as (
    select
        r.claim_id, r.claim_version, r.claim_text, r.parameter_set, r.outcome, r.horizon_count,
        e.session_date, e.ticker,
        case when e.outcome_known_at <= ts then e.outcome_number end as outcome_number,
        case when e.outcome_known_at <= ts and e.outcome_number is not null then {_HIT} end as is_hit,
        e.outcome_known_at <= ts and e.outcome_number is not null as is_over,
        not coalesce(e.outcome_known_at <= ts, false) as is_pending,
        starts_with(r.outcome, 'dovish_event') or starts_with(r.outcome, 'return_within') as is_share
    from claims.results as r
    join claims.events as e using (claim_id, claim_version, outcome, horizon_count)
    where e.cutoff_at <= ts
        and case r.parameter_set when 'headline' then e.is_headline when 'cooldown_21' then e.is_cooldown_21
            when 'own_cooldown' then e.is_own_cooldown else false end
),
counted as (
    select
        claim_id, claim_version, claim_text, parameter_set, outcome, horizon_count,
        count(*) filter (is_over) as n, count(*) filter (is_pending) as n_pending,
        avg(is_hit::integer) as p,
        case when not any_value(is_share) then median(outcome_number) end as median,
        case when not any_value(is_share) then avg(outcome_number) end as mean,
        case when not any_value(is_share) then min(outcome_number) end as min,
        case when not any_value(is_share) then max(outcome_number) end as max,
        string_agg(
            session_date::varchar || case when ticker = 'SPX' then '' else ' ' || ticker end,
            ', ' order by session_date, ticker
        ) as event_dates
    from known group by all
)
select
    claim_id, claim_version, claim_text, parameter_set, outcome, horizon_count,
    n as n_events, n_pending, event_dates, round(p, 8) as hit_ratio,
    {_WILSON},
    round(median, 8) as median, round(mean, 8) as mean, round(min, 8) as min, round(max, 8) as max
from counted
"""
"""Counts, hit rate with its interval, median, mean and extremes; what is resampled needs the command with --as-of."""

STATEMENTS: Final = (
    f"create macro claims.results_as_of(ts) as table {RESULTS_AS_OF}",
    "comment on macro table claims.results_as_of is 'Events of claims.results whose cut-off had come at ts (UTC), with "
    "the outcomes that were known by then: counts, hit rate with its interval, median, mean, extremes. Resampled "
    "figures and verdicts are those of a release only.'",
)
