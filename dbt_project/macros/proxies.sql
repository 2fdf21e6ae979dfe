{#- The public proxies: what each is in, and what it stands for, which nobody serves for free. Each has a name of its own. -#}
{% macro public_proxies() -%}
{{ return({
    'lqd_hedged_return_5d': {'unit': 'pct', 'stands_for': 'cdx_ig_bp'},
    'ig_oas': {'unit': 'bp', 'stands_for': 'cdx_ig_bp'},
    'bizd_hyg_return_63d': {'unit': 'pct', 'stands_for': 'cdli_spread_bp, bdc_discount_pct'},
    'bkln_hyg_return_63d': {'unit': 'pct', 'stands_for': 'cdli_spread_bp'},
    'spy_amihud_21d': {'unit': 'bp_per_usd_bn', 'stands_for': 'es_depth_contracts'},
    'spy_corwin_schultz_21d': {'unit': 'bp', 'stands_for': 'es_depth_contracts'},
    'sp500_down_week': {'unit': 'pct', 'stands_for': 'client_flow_usd_mn'},
    'wiki_stock_market_crash': {'unit': 'count', 'stands_for': 'social_media_crash_talk'},
    'wiki_panic_basket': {'unit': 'count', 'stands_for': 'social_media_crash_talk'},
}) }}
{%- endmacro %}
