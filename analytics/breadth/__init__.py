"""How many take part: features of each symbol and counts of each universe."""
