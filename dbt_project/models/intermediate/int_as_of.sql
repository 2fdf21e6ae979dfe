{#- The texts of the as-of macros, rendered from the very macros that the marts are rendered from. -#}
{%- set bodies = by_period_bodies() -%}
{%- set texts = {
    'sessions': 'select * from marts.sessions where close_at <= ' ~ as_of_moment(),
    'series': over_what_was_known(series('marts.series', 'known_observations')),
    'observations_latest': over_what_was_known(observations_latest('known_observations')),
    'revisions': revisions('(select * from ' ~ own_days('marts.observations') ~ ' where known_at <= ' ~ as_of_moment() ~ ')'),
    'prices_daily': prices_daily_as_of(),
    'regime_episodes': regime_episodes_as_of(),
    'forward_returns_daily': forward_returns_daily_as_of(),
} -%}
{%- for mart, body in bodies.items() %}{% do texts.update({mart: over_what_was_known(body)}) %}{% endfor -%}
{%- do texts.update({'market_daily': market_daily_as_of(bodies)}) -%}
{% for mart, text in texts.items() %}
select {{ loop.index }} as position, '{{ mart }}' as mart, $as_of${{ text }}$as_of$ as select_text
{{ 'union all' if not loop.last }}
{% endfor %}
