"""What reads a published file, and nothing else: report, readings, queries."""
