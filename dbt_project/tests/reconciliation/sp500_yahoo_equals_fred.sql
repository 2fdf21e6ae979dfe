-- Both print two decimals of one close.
{{ config(severity='warn', tags=['reconciliation']) }}
select * from ({{ two_providers(['sp500_close'], 'yahoo', 'fred') }}) as pair
where difference > 0.011
