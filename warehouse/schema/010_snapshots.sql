-- The index of the Parquet files of snapshot tables (Dataset.storage daily_files). A file without a row here is left over
-- from a run that was killed; a row whose file is missing or differs is damage, which `tidegauge doctor` names.
create table if not exists ops.snapshot_files (
    table_id varchar not null,
    part varchar not null check (part in ('accepted', 'refused')),
    period_date date,
    file varchar not null,
    sha256 varchar not null,
    bytes_count bigint not null,
    rows_count bigint not null,
    payloads varchar[] not null,
    known_at timestamp not null,
    known_basis varchar not null check (known_basis in ('vintage', 'captured')),
    loaded_at timestamp not null,
    run_id varchar not null
);
comment on table ops.snapshot_files is 'Parquet files of snapshot tables. One row per file, inserted in the transaction that landed it.';
comment on column ops.snapshot_files.part is 'accepted: rows that the gate let in; refused: rows it kept out, each with its reason';
comment on column ops.snapshot_files.period_date is 'The day of every row of the file; NULL for refused rows, which may be of several days or of none';
comment on column ops.snapshot_files.file is 'Path below the snapshots folder of the home';
comment on column ops.snapshot_files.sha256 is 'Of the bytes of the file';
comment on column ops.snapshot_files.payloads is 'The archived payloads the rows were read from (sha256), in order of their hashes';
comment on column ops.snapshot_files.known_at is 'UTC; the latest known_at of its rows';
comment on column ops.snapshot_files.loaded_at is 'UTC; when the file landed';

create table if not exists ops.snapshot_expired (
    file varchar not null,
    expired_at timestamp not null,
    run_id varchar not null
);
comment on table ops.snapshot_expired is 'Files of snapshot tables that are past the days their dataset keeps (keep_days). One row per file.';
