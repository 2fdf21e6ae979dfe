"""Published claims about markets, each a definition in YAML, tested on what was known at the time."""
