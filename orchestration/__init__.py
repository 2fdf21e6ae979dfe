"""The last room: Dagster's assets, jobs and schedules, the report, and the command line."""
