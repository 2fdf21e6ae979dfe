{{ etf_flows_weekly(ref('stg_weekly_flows'), ref('etf_category_flows_daily'), ref('sessions')) }}
