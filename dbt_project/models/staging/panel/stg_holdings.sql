{{ newest_of_providers(tables_serving('holdings'), keys_of('holdings'), 'weight_pct') }}
