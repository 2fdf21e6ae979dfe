-- Raw tables: one per source, all of one shape. Written by warehouse/landing.py alone; insert only.
-- {source} is filled in from ingest.catalog.SOURCES.
create schema if not exists {source};
create table if not exists {source}.observations (
    series_id varchar not null,
    code varchar not null,
    period_date date not null,
    value double,
    unit varchar not null,
    known_at timestamp not null,
    known_basis varchar not null check (known_basis in ('vintage', 'captured', 'release_rule', 'latest_only')),
    provider varchar not null check (provider = '{source}'),
    payload_sha256 varchar not null,
    loaded_at timestamp not null,
    run_id varchar not null
);
comment on table {source}.observations is 'Every value {source} gave us, as published, with the moment it became known. Append-only. One row per series, period and vintage.';
comment on column {source}.observations.series_id is 'Our id of the series, from the catalog';
comment on column {source}.observations.code is 'The publisher''s own code';
comment on column {source}.observations.period_date is 'The date the source prints';
comment on column {source}.observations.value is 'As published, in `unit`; NULL where the source shows a gap or withdrew the value';
comment on column {source}.observations.unit is 'Unit as published';
comment on column {source}.observations.known_at is 'UTC; the earliest moment someone in New York could have read this value from this provider';
comment on column {source}.observations.known_basis is 'vintage: the provider says so; captured: when we first saw it; release_rule: the calendar rule; latest_only: the rule, but the value may have been revised since';
comment on column {source}.observations.provider is 'The source';
comment on column {source}.observations.payload_sha256 is 'The archived payload the value was read from';
comment on column {source}.observations.loaded_at is 'UTC; when the row landed';
comment on column {source}.observations.run_id is 'The run that landed it';
