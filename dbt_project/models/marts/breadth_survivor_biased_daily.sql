{{ breadth_survivor_biased_daily(
    source('breadth', 'features'), ref('stg_index_members'), ref('breadth_daily'), ref('sessions')
) }}
