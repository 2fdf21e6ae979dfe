"""Queries, and how their results are shown and written."""
