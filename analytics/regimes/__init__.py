"""Regimes: what was knowable, which regime it was, what followed."""
