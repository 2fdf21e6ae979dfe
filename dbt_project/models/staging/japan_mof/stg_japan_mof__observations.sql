{{ stage_observations('japan_mof') }}
