-- Only sessions whose cut-off has passed: what was known is final for them.
{% set passed %}(
    select session_seq, session_date, cutoff_at from {{ ref('sessions') }} where cutoff_at <= {{ run_at() }}
){% endset %}
{{ known_values(ref('int_agreed'), passed, source('catalog', 'series'), source('catalog', 'providers')) }}
