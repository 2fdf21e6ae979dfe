-- Regimes check their own tables. The ledger itself, regime.days, has its columns from warehouse/regimes/types.py
-- (warehouse/regimes/ledger.py writes its DDL). DuckDB cannot change a constraint, so the table of checks is made anew.
create schema if not exists regime;

create or replace temporary table checks_kept as from ops.checks;
create or replace table ops.checks (
    run_id varchar not null,
    stage varchar not null check (stage in ('gate', 'dbt', 'reconciliation', 'freshness', 'regimes')),
    asset varchar not null,
    check_name varchar not null,
    severity varchar not null check (severity in ('error', 'warn')),
    is_passed boolean not null,
    failed_count bigint,
    detail varchar,
    checked_at timestamp not null
);
comment on table ops.checks is 'Result of every check of every run.';
insert into ops.checks select * from checks_kept;
drop table checks_kept;
