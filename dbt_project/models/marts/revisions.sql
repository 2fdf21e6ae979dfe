{{ revisions(ref('int_observations')) }}
