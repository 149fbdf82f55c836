import pytest

from talktime_sdk import RetryPolicy


def test_full_jitter() -> None:
    """A pause is a fair share of a ceiling that doubles with each failure, up to max_delay."""
    policy = RetryPolicy(first_delay=0.5, max_delay=3.0)
    assert [policy.pause(n, dice=lambda: 1.0) for n in (1, 2, 3, 4, 5000)] == [0.5, 1, 2, 3, 3]
    assert policy.pause(3, dice=lambda: 0.25) == 0.5
    assert policy.pause(3, dice=lambda: 0.0) == 0


def test_retry_after_is_a_lower_bound() -> None:
    """The server's wish is honoured, and one longer than we wait ends the attempts."""
    policy = RetryPolicy(attempts=5, max_retry_after=30)
    assert policy.pause(1, dice=lambda: 1.0, retry_after=7.0) == 7.0
    assert not policy.gives_up(1, retry_after=30)
    assert policy.gives_up(1, retry_after=31)


def test_attempts_are_bounded() -> None:
    """As many failures as attempts are enough."""
    policy = RetryPolicy(attempts=3)
    assert [policy.gives_up(n) for n in (1, 2, 3)] == [False, False, True]


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"max_delay": -1.0}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    """A policy that could never try, or would wait backwards, cannot be made."""
    with pytest.raises(ValueError, match=r"at least 1|negative"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]
