{{ config(materialized='view') }}
select
    series_id,
    period_date,
    value,
    unit,
    known_at,
    known_basis,
    provider,
    provider_rank,
    payload_sha256,
    loaded_at,
    licence,
    is_own_day
from {{ ref('int_observations_all') }}
