select * exclude (is_own_day) from {{ own_days(ref('int_observations_all')) }}
