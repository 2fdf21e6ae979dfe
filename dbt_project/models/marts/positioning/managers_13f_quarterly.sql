{#- One line of each manager's book: how large, how concentrated, what came and went. Puts and calls are counted apart: their
    value is that of the shares they are on. -#}
select
    period_date,
    cik,
    max(manager_name) as manager_name,
    bool_and(is_whole_report) as is_whole_report,
    count(*) filter (where value_usd > 0 and put_call = 'none') as positions_count,
    count(*) filter (where value_usd > 0 and put_call <> 'none') as options_count,
    round(sum(value_usd) filter (where put_call = 'none') / 1e9, 6) as value_usd_bn,
    round(
        100 * sum(value_usd) filter (where value_rank <= 10) / nullif(sum(value_usd) filter (where put_call = 'none'), 0), 6
    ) as top10_share_pct,
    {%- for name, condition in {
        'new_in_top10': "change_state = 'new' and value_rank <= 10",
        'new': "change_state = 'new'",
        'added': "change_state = 'added'",
        'reduced': "change_state = 'reduced'",
        'closed': "change_state = 'closed'",
    }.items() %}
    case
        when count(change_state) > 0 then count(*) filter (where put_call = 'none' and {{ condition }})
    end as {{ name }}_count,
    {%- endfor %}
    count(*) filter (where is_price_off) as price_off_count,
    max(filed_date) as filed_date,
    max(known_at) as known_at
from {{ ref('holdings_13f_quarterly') }}
group by period_date, cik
