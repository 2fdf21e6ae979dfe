{{ breadth_daily(
    source('breadth', 'daily_counts'),
    source('breadth', 'market'),
    ref('prices_daily'),
    ref('int_observations_latest'),
    ref('sessions'),
    run_at()
) }}
