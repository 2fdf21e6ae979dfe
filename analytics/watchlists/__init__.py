"""Watchlists: the items that a reader of the five seeds follows, as they were known at each session's cut-off."""
