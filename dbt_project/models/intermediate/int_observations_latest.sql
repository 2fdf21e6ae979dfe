{{ latest_observations(ref('int_observations')) }}
