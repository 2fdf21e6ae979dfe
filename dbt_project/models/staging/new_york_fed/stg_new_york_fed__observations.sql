{{ stage_observations('new_york_fed') }}
