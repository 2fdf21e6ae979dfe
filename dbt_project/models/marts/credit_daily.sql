{{ credit_daily(ref('int_observations_latest'), ref('sessions')) }}
