-- What stands beside the raw tables. Their own DDL comes from the registry (warehouse/ddl.py).
create table if not exists ops.panel_problems (
    source varchar not null,
    payload varchar not null,
    message varchar not null,
    seen_at timestamp not null,
    run_id varchar not null
);
comment on table ops.panel_problems is 'What failed of each source. One row per payload and run.';
comment on column ops.panel_problems.payload is 'What was asked for: a ticker, a fund, a file';

create table if not exists ops.panel_lacks (
    source varchar not null,
    group_name varchar not null,
    message varchar not null,
    seen_at timestamp not null,
    run_id varchar not null
);
comment on table ops.panel_lacks is 'Former members of the index that a provider does not know any more: no error, but their prices are missing. One row per ticker and time it was asked for, about once a week.';
comment on column ops.panel_lacks.group_name is 'Ticker';

create table if not exists ops.snapshot_gaps (
    source varchar not null,
    table_id varchar not null,
    group_name varchar not null,
    session_date date not null,
    recorded_at timestamp not null,
    run_id varchar not null
);
comment on table ops.snapshot_gaps is 'NYSE sessions without a snapshot of a source that serves only the newest one: nobody can give them later. One row per table, group and session.';
comment on column ops.snapshot_gaps.group_name is 'Fund; empty where the source has a single file';

create table if not exists catalog.funds (
    ticker varchar not null,
    title varchar not null,
    issuer varchar not null,
    source varchar not null,
    provider_code varchar,
    category varchar not null,
    subcategory varchar not null,
    leverage double not null,
    is_inverse boolean not null,
    benchmark_ticker varchar,
    share_lag_sessions bigint not null,
    takes_holdings boolean not null,
    active_from date,
    active_to date
);
comment on table catalog.funds is 'The funds whose flows we follow, from ingest/catalog/funds.yml. One row per fund.';
comment on column catalog.funds.source is 'Whose files feed it; user_file: only the user''s';
comment on column catalog.funds.provider_code is 'The issuer''s own code in its addresses';
comment on column catalog.funds.leverage is 'Daily multiple of the index, signed';
comment on column catalog.funds.benchmark_ticker is 'Unlevered fund of the same index';
comment on column catalog.funds.share_lag_sessions is '0: the printed date is the trade date; 1: shares of a date are those after the session before';
comment on column catalog.funds.active_from is 'First day; NULL: the first row of its history';
comment on column catalog.funds.active_to is 'Last day of a closed fund; NULL: it goes on';

-- Derived from prices, splits and membership by analytics/breadth/tables.py; rows are replaced.
create schema if not exists breadth;
create table if not exists breadth.features (
    permid varchar not null,
    ticker varchar not null,
    session_date date not null,
    close_usd double,
    close_split_adjusted_usd double,
    volume_split_adjusted_shares double,
    return_ratio double,
    is_advance boolean,
    is_decline boolean,
    is_unchanged boolean,
    is_above_50dma boolean,
    is_above_200dma boolean,
    is_new_high_252d boolean,
    is_new_low_252d boolean,
    known_at timestamp not null,
    settled_at timestamp not null
);
comment on table breadth.features is 'What each stock did on each session, over split-adjusted closes. One row per stock and session with a bar.';
comment on column breadth.features.permid is 'Ours: one per issue through renames';
comment on column breadth.features.ticker is 'Yahoo''s spelling';
comment on column breadth.features.session_date is 'NYSE session';
comment on column breadth.features.close_usd is 'As traded that day; NULL: every provider shows a gap';
comment on column breadth.features.close_split_adjusted_usd is 'On today''s split basis';
comment on column breadth.features.volume_split_adjusted_shares is 'On today''s split basis';
comment on column breadth.features.return_ratio is 'From the close of the session before; NULL: not priced';
comment on column breadth.features.is_advance is 'Above the close before at 4 decimals; NULL: not priced';
comment on column breadth.features.is_decline is 'Below it; NULL: not priced';
comment on column breadth.features.is_unchanged is 'Equal at 4 decimals; NULL: not priced';
comment on column breadth.features.is_above_50dma is 'NULL: no average';
comment on column breadth.features.is_above_200dma is 'NULL: no average';
comment on column breadth.features.is_new_high_252d is 'NULL: not eligible';
comment on column breadth.features.is_new_low_252d is 'NULL: not eligible';
comment on column breadth.features.known_at is 'UTC; when the session''s own close became known';
comment on column breadth.features.settled_at is 'UTC; when the newest close or split that anything in the row looks at became known';

create table if not exists breadth.daily_counts (
    universe varchar not null,
    session_date date not null,
    universe_basis varchar not null,
    members_count bigint not null,
    priced_count bigint not null,
    advances_count bigint not null,
    declines_count bigint not null,
    unchanged_count bigint not null,
    high_low_eligible_count bigint not null,
    new_highs_count bigint not null,
    new_lows_count bigint not null,
    average_50dma_count bigint not null,
    above_50dma_count bigint not null,
    average_200dma_count bigint not null,
    above_200dma_count bigint not null,
    movers_with_volume_count bigint not null,
    up_volume_shares double not null,
    down_volume_shares double not null,
    return_dispersion_ratio double,
    known_at timestamp,
    settled_at timestamp
);
comment on table breadth.daily_counts is 'Counts over the members of a universe, whatever the coverage. One row per universe and session.';
comment on column breadth.daily_counts.universe is 'SPX, USCOMMON';
comment on column breadth.daily_counts.universe_basis is 'Where the membership comes from';
comment on column breadth.daily_counts.members_count is 'Members at the open';
comment on column breadth.daily_counts.priced_count is 'Members with a close on this and the previous session';
comment on column breadth.daily_counts.movers_with_volume_count is 'Advances and declines whose volume is known';
comment on column breadth.daily_counts.return_dispersion_ratio is 'Standard deviation of members'' returns';
comment on column breadth.daily_counts.up_volume_shares is 'Volume of the advances, as traded that day';
comment on column breadth.daily_counts.down_volume_shares is 'Volume of the declines, as traded that day';
comment on column breadth.daily_counts.known_at is 'UTC; newest input of the session';
comment on column breadth.daily_counts.settled_at is 'UTC; newest input of anything in the row: closes and splits that windows look at, stays in the index';

create table if not exists breadth.market (
    universe varchar not null,
    session_date date not null,
    mcclellan_oscillator_index double,
    mcclellan_summation_index double,
    zweig_average_ratio double,
    is_zweig_thrust boolean
);
comment on table breadth.market is 'What folds over the sessions of a universe and is clumsy in SQL. One row per universe and session.';

create table if not exists breadth.inputs (
    table_id varchar not null,
    rows_count bigint not null
);
comment on table breadth.inputs is 'Rows of each raw table that the breadth tables were computed from. Raw tables only grow: a count is a state.';
