{{ disagreements(ref('int_observations'), source('catalog', 'tolerances')) }}
