-- H.15 takes Treasury's par yields as they are; one basis point is left for late corrections on one side.
{{ config(severity='warn', tags=['reconciliation']) }}
select * from (
    {{ two_providers(['us_3m_yield', 'us_2y_yield', 'us_10y_yield', 'us_30y_yield'], 'treasury', 'federal_reserve') }}
) as pair
where difference > 0.0101
