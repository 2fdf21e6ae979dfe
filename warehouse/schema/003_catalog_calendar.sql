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
    end_date date,
    calendar varchar
);
create table if not exists catalog.providers (
    series_id varchar not null,
    provider varchar not null,
    provider_rank bigint not null,
    code varchar not null,
    unit_published varchar not null,
    stale_limit_days bigint not null
);
create table if not exists catalog.tolerances (
    series_id varchar not null,
    agree_within double,
    agree_within_ratio double
);
create table if not exists catalog.units (
    unit_published varchar not null,
    unit varchar not null,
    factor double not null
);
create table if not exists calendar.days (
    calendar varchar not null,
    day date not null
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
-- Periods that each provider is due to print, from 60 days (months: 100) back to 15 days ahead of the run.
create table if not exists calendar.releases (
    series_id varchar not null,
    provider varchar not null,
    period_date date not null,
    release_at timestamp not null
);

comment on table catalog.series is 'Every series of the catalog. One row per series.';
comment on column catalog.series.unit is 'Unit in the marts';
comment on column catalog.series.stale_limit_days is 'Calendar days after the end of the period beyond which a value is stale';
comment on column catalog.series.stale_limit_long_holiday_days is 'The limit around New Year and Golden Week; NULL where it is the same';
comment on column catalog.series.plausible_min is 'Lowest plausible value, in `unit`';
comment on column catalog.series.plausible_max is 'Highest plausible value, in `unit`';
comment on column catalog.series.plausible_max_step is 'Largest plausible step between periods, in `unit`';
comment on column catalog.series.is_revised is 'History without vintages may differ from what was then known';
comment on column catalog.series.rolling_history_years is 'The provider keeps only so many years; NULL: all of them';
comment on column catalog.series.end_date is 'Last period of a discontinued series; NULL: it goes on';
comment on table catalog.providers is 'Who provides each series, in order of preference. One row per series and provider.';
comment on column catalog.providers.provider_rank is '1 for the preferred provider';
comment on column catalog.providers.code is 'The publisher''s own code';
comment on column catalog.providers.unit_published is 'Unit as published; a user file is written in the unit of the marts';
comment on column catalog.providers.stale_limit_days is 'The limit of this provider: its own where the catalog gives one, else that of the series';
comment on table catalog.tolerances is 'How far two publishers of a series may be apart and print one value: one of the two columns. One row per series that more than one publisher prints.';
comment on column catalog.tolerances.agree_within is 'In the unit of the marts';
comment on column catalog.tolerances.agree_within_ratio is 'A share of the larger value';
comment on table catalog.units is 'Mart value = published value x factor. One row per published and mart unit.';
comment on table calendar.sessions is 'NYSE sessions from 1990 to 15 days after the run. One row per session.';
comment on column calendar.sessions.open_at is 'UTC';
comment on column calendar.sessions.close_at is 'UTC';
comment on column calendar.sessions.is_early_close is 'The session closed at 13:00 New York';
comment on column calendar.sessions.cutoff_at is 'UTC; 09:15 New York on the next session';
comment on column calendar.sessions.close_cutoff_at is 'UTC; 16:15 New York on the session';
comment on column calendar.sessions.session_seq is '1 for the first session of 1990; consecutive';
comment on table calendar.releases is 'Periods that each provider is due to print, from 60 days (months: 100) before the run to 15 days after it. One row per series, provider and period.';
comment on column calendar.releases.release_at is 'UTC; when the value of the period is due';
