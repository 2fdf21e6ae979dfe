-- The issuer's file first, then the user's; dollars and shares as published, every date the issuer prints.
{{ newest_of_providers(tables_serving('fund_days'), keys_of('fund_days'), 'shares_outstanding_count') }}
