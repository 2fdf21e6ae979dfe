{{ stage_observations('ofr') }}
