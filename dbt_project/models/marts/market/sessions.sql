-- A session is in the marts once it has closed.
select session_date, open_at, close_at, cutoff_at, close_cutoff_at, is_early_close, session_seq
from {{ source('calendar', 'sessions') }}
where close_at <= {{ run_at() }}
