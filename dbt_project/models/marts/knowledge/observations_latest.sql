{{ config(materialized='view') }}
{#- One row per series and period, without what only the build needs. -#}
select
    series_id,
    period_date,
    value,
    unit,
    known_at,
    known_basis,
    provider,
    payload_sha256,
    loaded_at,
    licence
from {{ ref('int_observations_latest') }}
-- a period on which publishers differ is there, without a value
where value is not null
