select * from ({{ newest_serving('weekly_flows') }})
where flow_usd_mn is not null
