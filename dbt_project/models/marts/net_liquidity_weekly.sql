{{ net_liquidity_weekly(ref('int_observations_latest')) }}
