"""User documentation and its generator."""
