{{ latest_observations(ref('int_agreed')) }}
