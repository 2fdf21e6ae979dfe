{{ stage_observations('finra') }}
