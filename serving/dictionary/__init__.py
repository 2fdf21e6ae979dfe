"""The data dictionary as pages: everything that a published file says of itself, searchable, without a server."""
