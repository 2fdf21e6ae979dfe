{{ prices_daily(ref('stg_prices'), ref('stg_splits'), ref('stg_dividends'), ref('sessions')) }}
