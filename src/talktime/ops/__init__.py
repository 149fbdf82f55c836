"""Verbs of the business: one function is one act. Time, ids and connections come in as arguments."""
