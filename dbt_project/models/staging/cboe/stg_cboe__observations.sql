{{ stage_observations('cboe') }}
