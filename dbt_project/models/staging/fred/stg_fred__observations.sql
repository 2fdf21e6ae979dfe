{{ stage_observations('fred') }}
