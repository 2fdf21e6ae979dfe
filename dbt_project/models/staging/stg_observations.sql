{% set raw %}
{% for name in series_sources() %}
    select * from {{ source(name, 'observations') }}
    {{ 'union all by name' if not loop.last }}
{% endfor %}
{% endset %}
{{ stage_observations('(' ~ raw ~ ')', source('catalog', 'series'), source('catalog', 'providers'), source('catalog', 'units')) }}
