-- FRED copies Cboe's close; a known slip is 2026-02-06 (quant.md 9.1).
{{ config(severity='warn', tags=['reconciliation']) }}
select * from ({{ two_providers(['vix_close'], 'cboe', 'fred') }}) as pair
where difference > 0.005
