"""Nouns of the business, pure: no await, clock, randomness, environment or database."""
