"""Features that a mart and a regime share: each declared once, with one operation in two renderings, SQL and arrays."""
