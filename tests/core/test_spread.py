"""The middle one of many numbers that lie in several ascending runs."""

from statistics import median_low

from hypothesis import given
from hypothesis import strategies as st

from talktime.core.spread import median_of


@given(st.lists(st.lists(st.integers(-5, 2**62)).map(sorted), max_size=8))
def test_it_is_the_median_of_all(runs: list[list[int]]) -> None:
    """Whatever the runs, it is the lower middle of all their numbers; of none it is 0."""
    merged = [number for run in runs for number in run]
    assert median_of(runs) == (median_low(merged) if merged else 0)
