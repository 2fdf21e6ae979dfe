{#- The newest value of each series and period: per provider its newest vintage (a NULL one drops the provider: the
    value was withdrawn, an older one must not revive), then the first provider in the catalog's order. A period in
    dispute has a row whose value is NULL: nothing older stands in for it. -#}
select * from (
    select *
    from {{ ref('int_agreed') }}
    qualify row_number() over (
        partition by series_id, period_date, provider order by {{ newest_first() }}
    ) = 1
) as newest
where value is not null or is_disputed
qualify row_number() over (partition by series_id, period_date order by provider_rank) = 1
