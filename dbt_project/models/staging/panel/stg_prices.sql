{{ newest_of_providers(tables_serving('prices'), keys_of('prices'), 'close_usd') }}
