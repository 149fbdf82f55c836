"""How amounts lie: the middle one of many."""

from bisect import bisect_right
from collections.abc import Sequence


def median_of(runs: Sequence[Sequence[int]]) -> int:
    """The middle one of all numbers of some ascending runs, of two the lower; 0 of none.

    The runs are not merged: what is sought is the least number that half of them do not exceed.
    """
    runs = [run for run in runs if run]
    if not runs:
        return 0
    half = (sum(map(len, runs)) + 1) // 2
    low, high = min(run[0] for run in runs), max(run[-1] for run in runs)
    while low < high:
        middle = (low + high) // 2
        if sum(bisect_right(run, middle) for run in runs) >= half:
            high = middle
        else:
            low = middle + 1
    return low
