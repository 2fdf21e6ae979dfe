-- Quarantine: what was refused, with the reason. Ops: what each run did. Insert only.
create schema if not exists quarantine;
create schema if not exists ops;

create table if not exists quarantine.payloads (
    source varchar not null,
    payload varchar not null,
    payload_sha256 varchar,
    expected varchar,
    seen varchar,
    message varchar not null,
    quarantined_at timestamp not null,
    run_id varchar not null
);
comment on table quarantine.payloads is 'Payloads that could not be parsed. One row per payload and run.';

create table if not exists ops.runs (
    run_id varchar not null,
    started_at timestamp not null,
    finished_at timestamp,
    state varchar not null check (state in ('started', 'built', 'published', 'unchanged', 'failed')),
    reason varchar,
    recorded_at timestamp not null
);
comment on table ops.runs is 'What became of each run. One row per run and change of state; the last one counts.';

create table if not exists ops.source_runs (
    run_id varchar not null,
    source varchar not null,
    state varchar not null check (state in ('ok', 'partial', 'failed', 'held', 'skipped')),
    rows_received bigint not null,
    rows_new bigint not null,
    rows_changed bigint not null,
    rows_withdrawn bigint not null,
    rows_quarantined bigint not null,
    newest_period date,
    error varchar,
    recorded_at timestamp not null
);
comment on table ops.source_runs is 'How each source fared in each run. state: ok; partial (some payloads failed); failed (no answer); held (refused by a critical check); skipped (nothing configured).';

create table if not exists ops.shrinkages (
    source varchar not null,
    series_id varchar not null,
    held_from date not null,
    served_from date not null,
    seen_at timestamp not null,
    run_id varchar not null
);
comment on table ops.shrinkages is 'A source no longer serves history that we hold. One row per change of its first period.';

create table if not exists ops.checks (
    run_id varchar not null,
    stage varchar not null check (stage in ('gate', 'dbt', 'reconciliation', 'freshness')),
    asset varchar not null,
    check_name varchar not null,
    severity varchar not null check (severity in ('error', 'warn')),
    is_passed boolean not null,
    failed_count bigint,
    detail varchar,
    checked_at timestamp not null
);
comment on table ops.checks is 'Result of every check of every run.';

create table if not exists ops.payloads (
    payload_sha256 varchar not null,
    source varchar not null,
    name varchar not null,
    url varchar not null,
    fetched_at timestamp not null,
    bytes_count bigint not null,
    status bigint not null
);
comment on table ops.payloads is 'The archive''s index: first time each body was seen. url is redacted.';
