select * from ({{ newest_rows(source('ici', 'weekly_flows'), ['week_end_date', 'category']) }})
where flow_usd_mn is not null
