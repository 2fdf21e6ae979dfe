"""One publisher: what it is asked and how its answers are read."""
