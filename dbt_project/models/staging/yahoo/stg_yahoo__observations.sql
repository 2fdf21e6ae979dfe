{{ stage_observations('yahoo') }}
