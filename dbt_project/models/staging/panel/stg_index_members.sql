select 'SPX' as universe, *
from ({{ newest_rows(source('sp500_membership', 'intervals'), ['permid', 'start_date']) }})
where ticker is not null
