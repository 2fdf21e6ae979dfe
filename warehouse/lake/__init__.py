"""The lake: big tables in Parquet below one folder, their snapshots in a catalog on PostgreSQL (DuckLake)."""
