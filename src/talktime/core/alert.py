"""Crossings (R7): told once each time the available balance falls through a threshold.

Nothing needs to be armed: a threshold is crossed by the one entry that finds the balance at or
above it and leaves it below. The SQL functions find crossings by this rule, in the transaction of
the debit itself.
"""


def crosses(before_nanos: int, after_nanos: int, threshold_nanos: int) -> bool:
    """Whether this entry took the available balance from at or above the threshold to below it."""
    return before_nanos >= threshold_nanos > after_nanos
