{{ breadth_symbol_daily(source('breadth', 'features'), ref('stg_index_members'), ref('sessions')) }}
