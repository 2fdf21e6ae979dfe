{{ etf_flows_daily(ref('stg_fund_days'), ref('stg_splits'), source('catalog', 'funds'), ref('sessions'), run_at()) }}
