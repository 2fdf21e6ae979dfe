select
    u.*,
    -- weeks, months and longer have no calendar: they count as dated
    s.calendar is null or d.day is not null as is_own_day
from {{ ref('stg_observations') }} as u
inner join {{ source('catalog', 'series') }} as s on u.series_id = s.series_id
left join {{ source('calendar', 'days') }} as d on s.calendar = d.calendar and u.period_date = d.day
