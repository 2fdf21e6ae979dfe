select * from ({{ newest_rows(source('yahoo', 'dividends'), ['ticker', 'session_date']) }})
where dividend_usd > 0
