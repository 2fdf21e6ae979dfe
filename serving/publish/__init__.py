"""The published release elsewhere: PostgreSQL, Parquet, CSV, Excel. Readers of the published file only."""
