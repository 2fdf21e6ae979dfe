{{ market_daily(
    {
        'net_liquidity_daily': ref('net_liquidity_daily'),
        'funding_daily': ref('funding_daily'),
        'rates_volatility_daily': ref('rates_volatility_daily'),
        'carry_daily': ref('carry_daily'),
        'credit_daily': ref('credit_daily'),
        'volatility_daily': ref('volatility_daily'),
        'options_sentiment_daily': ref('options_sentiment_daily'),
        'breadth_daily': ref('breadth_daily'),
        'concentration_daily': ref('concentration_daily'),
        'etf_category_flows_daily': ref('etf_category_flows_daily'),
        'leveraged_etf_daily': ref('leveraged_etf_daily'),
    },
    ref('int_observations_latest'),
    ref('sessions')
) }}
