-- The issuer's own split file first; a provider that dates the same split a few days off must not count it twice.
with newest as (
    {% for relation in tables_serving('splits') %}
    select ticker, session_date, split_ratio, known_at, provider, {{ loop.index }} as provider_rank
    from ({{ newest_rows(relation, keys_of('splits')) }})
    where split_ratio > 0
    {{ 'union all' if not loop.last }}
    {% endfor %}
)
select n.* exclude (provider_rank)
from newest as n
where not exists (
    select 1 from newest as first_choice
    where n.provider_rank > first_choice.provider_rank
        and n.ticker = first_choice.ticker
        and abs(n.session_date - first_choice.session_date) <= 5
        and abs(n.split_ratio / first_choice.split_ratio - 1) < 0.001
)
