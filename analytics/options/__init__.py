"""Options: prices and greeks of Black and Scholes, and what dealers' books look like from a chain."""
