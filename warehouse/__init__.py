"""DuckDB: landing, migrations, publication. Imports neither Dagster nor ingest.sources."""
