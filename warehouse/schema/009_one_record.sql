-- One record of answers and one of refusals for every table, series or not; what older tables hold moves here.
create table if not exists ops.answers (
    source varchar not null,
    table_id varchar not null,
    group_name varchar not null,
    fetched_at timestamp not null,
    window_start date,
    window_end date,
    first_period date,
    last_period date,
    rows_count bigint not null,
    run_id varchar not null
);
comment on table ops.answers is 'Successful answers, one row per table, group and window asked for: when, which periods, what came. Tells a late row from one not asked for.';
comment on column ops.answers.source is 'The connector that asked';
comment on column ops.answers.group_name is 'Series, ticker or fund; empty where a source answers whole';
comment on column ops.answers.window_start is 'First period asked for; NULL: the whole history';
comment on column ops.answers.window_end is 'Last period asked for; NULL: up to the newest';

create table if not exists quarantine.refused_rows (
    source varchar not null,
    table_id varchar not null,
    group_name varchar not null,
    period_date date,
    row_json varchar not null,
    attributes_json varchar,
    reason varchar not null,
    payload_sha256 varchar not null,
    fetched_at timestamp not null,
    quarantined_at timestamp not null,
    run_id varchar not null
);
comment on table quarantine.refused_rows is 'Rows that did not land, and why. One row per refused row and reason, once.';
comment on column quarantine.refused_rows.source is 'The connector that asked';
comment on column quarantine.refused_rows.group_name is 'Series, ticker or fund; empty where a source answers whole';
comment on column quarantine.refused_rows.row_json is 'Keys and values as they came, JSON';
comment on column quarantine.refused_rows.attributes_json is 'What came with them, JSON: the publisher''s code and unit of a series; NULL: nothing';

create table if not exists ops.held (
    source varchar not null,
    table_id varchar not null,
    group_name varchar not null,
    check_name varchar not null,
    message varchar not null,
    changes_count bigint not null,
    changes_json varchar not null,
    batch_at timestamp not null,
    fetched_at timestamp not null,
    payload_sha256 varchar not null,
    run_id varchar not null,
    held_at timestamp not null
);
comment on table ops.held is 'What waits for a person: answers about a group that did not land, whole or in part. One row per table, group, check and answer; `tidegauge accept` lists and lands them.';
comment on column ops.held.changes_json is 'The first changes, JSON: key, what is held, what came';
comment on column ops.held.batch_at is 'UTC; when the source began to be asked: names the answer in the archive';
comment on column ops.held.fetched_at is 'UTC; when the last of the answer came';
comment on column ops.held.payload_sha256 is 'The newest body about the group';

create table if not exists ops.accepted (
    source varchar not null,
    table_id varchar not null,
    group_name varchar not null,
    check_name varchar not null,
    batch_at timestamp not null,
    payload_sha256 varchar not null,
    reason varchar not null,
    accepted_by varchar not null,
    accepted_at timestamp not null
);
comment on table ops.accepted is 'Answers that were held and that a person let in. One row per table, group, check and answer; a rebuild honours them.';
comment on column ops.accepted.reason is 'Why, in the words of who accepted it';

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
