"""What SQL cannot say well, in polars: breadth and regimes. Imports neither Dagster nor dbt."""
