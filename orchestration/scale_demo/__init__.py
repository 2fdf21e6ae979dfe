"""A lake on one machine, for `make scale-demo` and tests: PostgreSQL, S3, a scheduler and workers on 127.0.0.1.

Nothing of it is imported by a run. Nothing is downloaded: PostgreSQL is the system's, the rest came with `make setup`.
"""
