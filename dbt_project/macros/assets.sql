{#- The assets of the cross-asset mart: its name (of a fund its ticker), the series or the ticker it is, its unit, and whether it is one of the six
    whose drawdowns are counted. -#}
{% macro cross_assets() -%}
{{ return([
    {'asset': 'SPX', 'series': 'sp500_close', 'unit': 'index', 'counted': true},
    {'asset': 'GLD', 'ticker': 'GLD', 'unit': 'usd', 'counted': true},
    {'asset': 'SLV', 'ticker': 'SLV', 'unit': 'usd', 'counted': true},
    {'asset': 'BTC', 'series': 'bitcoin', 'unit': 'usd', 'counted': true},
    {'asset': 'HSI', 'series': 'hang_seng', 'unit': 'index', 'counted': true},
    {'asset': 'CSI300', 'series': 'csi300', 'unit': 'index', 'counted': true},
    {'asset': 'GOLD', 'series': 'gold_future', 'unit': 'usd', 'counted': false},
    {'asset': 'SILVER', 'series': 'silver_future', 'unit': 'usd', 'counted': false},
    {'asset': 'WTI', 'series': 'wti_future', 'unit': 'usd', 'counted': false},
    {'asset': 'DXY', 'series': 'dollar_index', 'unit': 'index', 'counted': false},
    {'asset': 'BROAD_DOLLAR', 'series': 'broad_dollar', 'unit': 'index', 'counted': false},
    {'asset': 'USO', 'ticker': 'USO', 'unit': 'usd', 'counted': false},
    {'asset': 'UUP', 'ticker': 'UUP', 'unit': 'usd', 'counted': false},
    {'asset': 'FXI', 'ticker': 'FXI', 'unit': 'usd', 'counted': false},
]) }}
{%- endmacro %}
