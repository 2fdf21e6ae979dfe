-- Within a million dollars: FRED rounds to it. A few days may differ where one side was corrected; a wrong unit shows
-- on every day, and is an error.
{{ config(severity='error', warn_if='>0', error_if='>20', tags=['reconciliation']) }}
select * from ({{ two_providers(['on_rrp'], 'new_york_fed', 'fred') }}) as pair
where difference > 0.001001
