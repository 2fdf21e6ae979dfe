{% for source_name in [
    'fred', 'federal_reserve', 'treasury', 'new_york_fed', 'japan_mof', 'cboe', 'yahoo', 'ofr', 'finra', 'user_file'
] %}
select * from {{ ref('stg_' ~ source_name ~ '__observations') }}
{{ 'union all' if not loop.last }}
{% endfor %}
