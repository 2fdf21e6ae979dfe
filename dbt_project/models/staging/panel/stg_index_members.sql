select 'SPX' as universe, *
from ({{ newest_serving('index_members') }})
where ticker is not null
