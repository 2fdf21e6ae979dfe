-- Which rows of the indicator register a series serves. A warehouse made before has the column from here on.
alter table catalog.series add column if not exists register_id varchar;

comment on column catalog.series.register_id is 'Rows of the indicator register that it serves; NULL for none';
