{{ newest_of_providers(
    [source('yahoo', 'prices'), source('nasdaq', 'prices'), source('user_file', 'prices')],
    ['ticker', 'session_date'],
    'close_usd'
) }}
