-- Answers and refusals of homes from before there was one record of each: their rows move, the older tables go.
create table if not exists ops.fetches (source varchar, series_id varchar, fetched_at timestamp, window_start date,
    window_end date, first_period date, last_period date, rows_count bigint, run_id varchar);
insert into ops.answers by name
select * exclude (series_id), series_id as group_name, source || '.observations' as table_id from ops.fetches;
drop table ops.fetches;

create table if not exists ops.panel_fetches (source varchar, table_id varchar, group_name varchar,
    fetched_at timestamp, window_start date, window_end date, first_period date, last_period date, rows_count bigint,
    run_id varchar);
insert into ops.answers by name from ops.panel_fetches;
drop table ops.panel_fetches;

create table if not exists quarantine.observations (source varchar, series_id varchar, code varchar, period_date date,
    value double, unit varchar, reason varchar, payload_sha256 varchar, fetched_at timestamp, quarantined_at timestamp,
    run_id varchar);
insert into quarantine.refused_rows by name
select source, source || '.observations' as table_id, series_id as group_name, period_date,
    to_json({'series_id': series_id, 'period_date': period_date, 'value': value})::varchar as row_json,
    to_json({'code': code, 'unit': unit})::varchar as attributes_json,
    reason, payload_sha256, fetched_at, quarantined_at, run_id
from quarantine.observations;
drop table quarantine.observations;

create table if not exists quarantine.panel_rows (source varchar, table_id varchar, group_name varchar,
    period_date date, row_json varchar, reason varchar, payload_sha256 varchar, fetched_at timestamp,
    quarantined_at timestamp, run_id varchar);
insert into quarantine.refused_rows by name from quarantine.panel_rows;
drop table quarantine.panel_rows;

-- Which version of the rules computes is said by the code (warehouse/lived.py).
drop view if exists regime.model;
