"""When a webhook is tried again, when that ends, and how messages are named."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from talktime.core.webhook import (
    GIVEN_UP_AFTER,
    is_failing_too_long,
    message_id,
    milliseconds,
    next_attempt_at,
)

MADE = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_it_is_tried_for_three_days() -> None:
    """From seconds to hours apart, the last time when it is three days old, then given up."""
    now, attempts, pauses = MADE, 0, []
    while True:
        attempts += 1
        then = next_attempt_at(attempts=attempts, created_at=MADE, now=now, jitter=0.5)
        if then is None:
            break
        pauses.append(then - now)
        now = then
    assert now == MADE + GIVEN_UP_AFTER
    assert [pause.total_seconds() for pause in pauses[:4]] == [5, 30, 120, 600]
    assert pauses[:-1] == sorted(pauses[:-1])
    assert 12 < attempts < 25


@given(
    attempts=st.integers(1, 60),
    age=st.integers(0, 4 * 86_400),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_pauses_are_bounded(attempts: int, age: int, jitter: float) -> None:
    """Never in the past, never after three days, never more than ten hours ahead."""
    now = MADE + timedelta(seconds=age)
    then = next_attempt_at(attempts=attempts, created_at=MADE, now=now, jitter=jitter)
    if now >= MADE + GIVEN_UP_AFTER:
        assert then is None
    else:
        assert then is not None
        assert now < then <= min(MADE + GIVEN_UP_AFTER, now + timedelta(hours=10))


def test_an_endpoint_may_fail_over_a_long_weekend() -> None:
    """Four days of failing are borne, five are not."""
    assert not is_failing_too_long(MADE, MADE + timedelta(days=4, hours=23))
    assert is_failing_too_long(MADE, MADE + timedelta(days=5))


def test_ids_sort_by_time_and_are_the_deliverys_own() -> None:
    """The same delivery has the same id; others, of the same moment too, have others, in order."""

    def made(
        seq: int, nth: int, at: datetime = MADE, account_id: str = "a", owner_id: str = ""
    ) -> str:
        return message_id(
            account_id=account_id,
            owner_id=owner_id,
            endpoint_id="main",
            delivery_seq=seq,
            at=at,
            nth=nth,
        )

    in_order = [made(1, 0), made(2, 1), made(3, 2), made(4, 0, MADE + timedelta(milliseconds=1))]
    assert in_order == sorted(set(in_order))
    assert made(1, 0) == made(1, 0)
    assert made(1, 0) != made(1, 0, account_id="b")
    assert made(1, 0) != made(1, 0, owner_id="a")
    assert milliseconds(MADE) == int(MADE.timestamp() * 1000)
