-- Which days are periods of a daily series. A warehouse made before 003 had the column gets it here.
alter table catalog.series add column if not exists calendar varchar;

comment on column catalog.series.calendar is 'Whose days are the periods of a daily series: nyse, sifma, government_securities, federal_reserve or tokyo; NULL: weeks and months, as dated';
comment on table calendar.days is 'Days of each calendar that a daily series keeps: Monday to Friday without its holidays (those before 1990, in Tokyo 2000, are not known and count as days). One row per calendar and day.';
