select
    source,
    arg_max(state, recorded_at) as state,
    {{ short_sentence("arg_max(struct_pack(error), recorded_at).error") }} as error_text,
    max(recorded_at) as asked_at,
    max(recorded_at) filter (where state in ('ok', 'partial')) as answered_at
from {{ source('ops', 'source_runs') }}
group by source
