{{ concentration_daily(ref('stg_holdings'), source('catalog', 'funds'), ref('sessions'), run_at()) }}
