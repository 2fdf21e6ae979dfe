-- The issuer's file first, then the user's; dollars and shares as published, every date the issuer prints.
{{ newest_of_providers(
    [
        source('ssga', 'fund_days'), source('ishares', 'fund_days'), source('proshares', 'fund_days'),
        source('user_file', 'fund_days'),
    ],
    ['ticker', 'report_date'],
    'shares_outstanding_count'
) }}
