select * from ({{ newest_serving('dividends') }})
where dividend_usd > 0
