{{ stage_observations('federal_reserve') }}
