{{ observations_latest(ref('int_observations_latest')) }}
