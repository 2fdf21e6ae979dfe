-- The Wednesday close of the Daily Treasury Statement is the level of H.4.1, to the million. Before
-- October 2021 the daily figure is the Federal Reserve Account alone.
{{ config(severity='warn', tags=['reconciliation']) }}
select d.period_date, d.value as daily_value, w.value as wednesday_value
from {{ ref('int_observations_latest') }} as d
inner join {{ ref('int_observations_latest') }} as w on d.period_date = w.period_date
where d.series_id = 'tga_daily' and w.series_id = 'tga_wednesday' and abs(d.value - w.value) > 0.0005
