{{ config(materialized='view') }}
{{ agreed_observations(ref('int_observations'), ref('disagreements')) }}
