-- Changes of exchange margins, as kept by hand: the moment of an advisory is not known, so a row counts from the end of its day.
select
    product,
    announced_date,
    effective_date,
    old_margin_pct,
    new_margin_pct,
    detail as event_text,
    source_url,
    checked,
    {{ new_york('announced_date + 1') }} as known_at
from {{ ref('margin_changes_by_hand') }}
where {{ new_york('announced_date + 1') }} <= {{ run_at() }}
