-- What each relation and each passed test of the last sound build was made from. Emptied before a build and filled after its
-- audit: a build that failed or was killed leaves nothing, and the next one builds everything.
create table if not exists ops.built (
    node_id varchar not null,
    fingerprint varchar not null,
    compiled_sql varchar not null,
    reads_json varchar not null,
    evaluated_at timestamp not null,
    run_id varchar not null
);
comment on table ops.built is 'What the relations of the last sound build, and the tests that they passed, were made from. One row per node of the dbt project.';
comment on column ops.built.node_id is 'dbt''s id of the model, seed or test';
comment on column ops.built.fingerprint is 'Of the project and of all rows that it rests on; equal: built again it would be the same';
comment on column ops.built.compiled_sql is 'What dbt compiled; $run_at stands for the moment of the run';
comment on column ops.built.reads_json is 'JSON: of a relation that it reads in part, the values of the column that this relation is kept apart by';
comment on column ops.built.evaluated_at is 'UTC; when it was built or tested';
comment on column ops.built.run_id is 'The run that did';
