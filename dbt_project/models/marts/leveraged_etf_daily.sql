{{ leveraged_etf_daily(ref('etf_flows_daily'), ref('prices_daily'), source('catalog', 'funds'), ref('sessions')) }}
