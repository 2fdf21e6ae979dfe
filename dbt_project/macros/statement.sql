{#- Of lines of the Daily Treasury Statement: those of one side less those of the other; NULL where one of them has no figure. -#}
{% macro signed_sum(condition, plus) -%}
case when count(amount_usd_mn) filter (where {{ condition }}) = count(*) filter (where {{ condition }})
    then sum(case when transaction_type = '{{ plus }}' then amount_usd_mn else -amount_usd_mn end) filter (where {{ condition }}) end
{%- endmacro %}


{#- Sum over the last n sessions with a statement, the row's own included: banks close on days on which the exchange is open. NULL
    unless each of them has a value and they lie within n + 3 sessions. -#}
{% macro full_sum(column, statements_count) -%}
case
    when count({{ column }}) over {{ last_statements(statements_count) }} = {{ statements_count }}
        and session_seq - min(session_seq) over {{ last_statements(statements_count) }} < {{ statements_count + 3 }}
        then round(sum({{ column }}) over {{ last_statements(statements_count) }}, 6)
end
{%- endmacro %}


{% macro last_statements(statements_count) -%}
(order by session_seq rows between {{ statements_count - 1 }} preceding and current row)
{%- endmacro %}


{#- The sum of the lines that meet a condition; NULL where one of them has no figure, or where there is none. -#}
{% macro all_of(condition) -%}
case when count(amount_usd_mn) filter (where {{ condition }}) = count(*) filter (where {{ condition }})
    then sum(amount_usd_mn) filter (where {{ condition }}) end
{%- endmacro %}
