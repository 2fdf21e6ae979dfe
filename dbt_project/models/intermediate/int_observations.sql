{{ config(materialized='view') }}
{#- The observations that count as periods: those of a day that the series' own calendar has (sources print month ends on
    Saturdays, stale prices on holidays). What happened, what was known and the regimes all read these and no others. -#}
select * exclude (is_own_day) from {{ ref('int_observations_all') }} where is_own_day
