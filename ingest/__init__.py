"""Network in, typed rows out.

This room knows publishers and their formats. It imports neither Dagster, dbt nor DuckDB.
"""
