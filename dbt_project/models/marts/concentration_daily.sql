{{ concentration_daily(ref('stg_holdings'), ref('sessions')) }}
