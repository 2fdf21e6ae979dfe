{{ newest_of_providers(
    [source('ssga', 'holdings'), source('ishares', 'holdings')],
    ['fund_ticker', 'as_of_date', 'line_number'],
    'weight_pct'
) }}
