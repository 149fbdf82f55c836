"""Verbs of the business: a function is an act. Time, ids and connections are arguments."""
