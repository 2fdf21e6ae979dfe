{{ market_daily(
    {
        'net_liquidity_daily': ref('net_liquidity_daily'),
        'funding_daily': ref('funding_daily'),
        'rates_volatility_daily': ref('rates_volatility_daily'),
        'carry_daily': ref('carry_daily'),
        'credit_daily': ref('credit_daily'),
        'volatility_daily': ref('volatility_daily'),
        'options_sentiment_daily': ref('options_sentiment_daily'),
    },
    ref('int_observations_latest'),
    ref('sessions')
) }}
