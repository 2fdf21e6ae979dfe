-- Publishers that differ on a period by more than the series' tolerance: it has no value in the marts, or that of the
-- majority (marts.disagreements). A warning: none of them is an error.
{{ config(severity='warn', tags=['reconciliation'], meta={'dagster': {'ref': {'name': 'disagreements'}}}) }}
select series_id, period_date, provider, printed_number, difference_number, tolerance_number
from {{ ref('disagreements') }}
qualify has_difference and row_number() over (partition by series_id, period_date, provider order by known_at desc) = 1
