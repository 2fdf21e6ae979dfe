"""The morning page: HTML from the published file."""
