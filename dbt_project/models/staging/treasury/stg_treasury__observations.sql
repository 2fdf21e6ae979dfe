{{ stage_observations('treasury') }}
