{{ stage_observations('user_file') }}
