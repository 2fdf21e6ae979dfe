"""Pieces of the simulated economy. Each turns the grid of days and the regimes into paths on that grid."""
