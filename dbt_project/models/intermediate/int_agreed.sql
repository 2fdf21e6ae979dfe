{{ config(materialized='view') }}
{#- Every vintage, but on periods that are or were in dispute what was served of them: the relation that every mart and
    every regime reads. A row with is_disputed says that the period has no value and why; any other NULL was withdrawn. -#}
{%- set columns = 'series_id, period_date, provider, provider_rank, unit, known_at, known_basis, payload_sha256, loaded_at, licence' -%}
select {{ columns }}, value, false as is_disputed
from {{ ref('int_observations') }} as o
where not exists (
    select 1 from {{ ref('disagreements') }} as d where o.series_id = d.series_id and o.period_date = d.period_date
)
union all
select {{ columns }}, served_number as value, is_disputed
from {{ ref('disagreements') }}
