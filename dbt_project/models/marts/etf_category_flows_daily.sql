{{ etf_category_flows_daily(ref('etf_flows_daily'), ref('sessions')) }}
