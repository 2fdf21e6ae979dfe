{{ market_known_daily(ref('int_known'), source('catalog', 'series')) }}
