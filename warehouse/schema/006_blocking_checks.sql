-- Which checks stop a release when they fail. Of runs before this column it is not known.
alter table ops.checks add column if not exists is_blocking boolean;
comment on column ops.checks.is_blocking is 'A failure stops the release; a failed gate keeps the rows of its source out and stops none';
