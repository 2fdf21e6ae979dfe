-- Notices of mass layoffs by the month of the notice. How many states report grew with the years: sums are of other states.
select
    month_date,
    notices_count,
    notices_with_headcount_count,
    workers_affected_count,
    states_reporting_count,
    round(workers_affected_count / nullif(states_reporting_count, 0), 6) as workers_per_state_count,
    dated_by_effective_count,
    notices_effective_month_count,
    workers_effective_month_count,
    known_at
from ({{ newest('warn_feed', 'months') }})
where notices_count is not null
