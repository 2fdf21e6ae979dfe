-- Reference tables, replaced on each run from ingest.catalog: they are derived from files of this repository.
create schema if not exists catalog;
create schema if not exists calendar;

create table if not exists catalog.series (
    series_id varchar not null,
    title varchar not null,
    publisher varchar not null,
    frequency varchar not null,
    unit varchar not null,
    stale_limit_days bigint not null,
    stale_limit_long_holiday_days bigint,
    plausible_min double not null,
    plausible_max double not null,
    plausible_max_step double not null,
    licence varchar not null,
    is_revised boolean not null,
    rolling_history_years bigint,
    end_date date
);
create table if not exists catalog.providers (
    series_id varchar not null,
    provider varchar not null,
    provider_rank bigint not null,
    code varchar not null,
    unit_published varchar not null,
    stale_limit_days bigint not null
);
create table if not exists catalog.units (
    unit_published varchar not null,
    unit varchar not null,
    factor double not null
);
create table if not exists calendar.sessions (
    session_date date not null,
    open_at timestamp not null,
    close_at timestamp not null,
    is_early_close boolean not null,
    cutoff_at timestamp not null,
    close_cutoff_at timestamp not null,
    session_seq bigint not null
);
-- Periods that each provider is due to print, from 60 days back to 15 days ahead of the run.
create table if not exists calendar.releases (
    series_id varchar not null,
    provider varchar not null,
    period_date date not null,
    release_at timestamp not null
);
