"""Attempts are counted for all processes, and forgotten in time."""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from talktime.core.errors import CouponExpired, InvalidInput, TooManyAttempts
from talktime.db.pool import Connection
from talktime.ops.guesses import GuessLimit, after_others, one_guess, take_attempt
from talktime.ops.platform import Platform
from talktime.ops.upkeep import EXPIRED_KEPT, sweep_database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMIT = GuessLimit(kind="test", most=3, window=timedelta(minutes=10), refusal="wait", field="word")


@pytest.fixture
def subject() -> str:
    return uuid.uuid4().hex


async def is_refused(
    connection: Connection, subject: str, *, limit: GuessLimit = LIMIT, now: datetime = NOON
) -> bool:
    """Whether one more attempt is one too many; counts nothing else."""
    try:
        async with one_guess(connection, limit, subject, wrong=InvalidInput, now=now):
            return False
    except TooManyAttempts:
        return True


async def guess_wrong(connection: Connection, subject: str, *, now: datetime = NOON) -> None:
    with pytest.raises(InvalidInput):
        async with one_guess(connection, LIMIT, subject, wrong=InvalidInput, now=now):
            raise InvalidInput("no", field="word")


async def test_attempts_of_all_processes_count(
    platform: Platform, connection: Connection, subject: str
) -> None:
    """Whoever counted them: after so many attempts the next is refused, with the time to wait."""
    for _ in range(LIMIT.most):
        assert not await is_refused(connection, subject)
        async with platform.connection() as another:
            await guess_wrong(another, subject)
    with pytest.raises(TooManyAttempts) as refused:
        await guess_wrong(connection, subject, now=NOON + timedelta(minutes=4))
    assert refused.value.retry_after == 6 * 60 + 1
    assert refused.value.field == "word"


async def test_a_burst_gets_no_more_than_the_limit(platform: Platform, subject: str) -> None:
    """Of fifty wrong guesses at once exactly as many are judged as one after the other."""
    judged = 0

    async def guess() -> None:
        nonlocal judged
        async with (
            platform.connection() as connection,
            one_guess(connection, LIMIT, subject, wrong=InvalidInput, now=NOON),
        ):
            judged += 1
            await asyncio.sleep(0)
            raise InvalidInput("no", field="word")

    answers = await asyncio.gather(*(guess() for _ in range(50)), return_exceptions=True)
    kinds = Counter(type(answer).__name__ for answer in answers)
    assert kinds == {"InvalidInput": LIMIT.most, "TooManyAttempts": 50 - LIMIT.most}
    assert judged == LIMIT.most


async def test_what_was_no_guess_is_forgiven(connection: Connection, subject: str) -> None:
    """What came out well, or was refused for another reason, leaves no trace, however often."""
    await guess_wrong(connection, subject)
    for _ in range(LIMIT.most):
        assert not await is_refused(connection, subject)
        with pytest.raises(CouponExpired):
            async with one_guess(connection, LIMIT, subject, wrong=InvalidInput, now=NOON):
                raise CouponExpired("too late")
    for _ in range(LIMIT.most - 1):
        await guess_wrong(connection, subject)
    assert await is_refused(connection, subject)


@pytest.mark.parametrize("broken", [ZeroDivisionError, asyncio.CancelledError])
async def test_what_breaks_is_forgiven(
    connection: Connection, subject: str, broken: type[BaseException]
) -> None:
    """An attempt that broke off or was cancelled told nobody that a code is wrong."""
    for _ in range(LIMIT.most):
        with pytest.raises(broken):
            async with one_guess(connection, LIMIT, subject, wrong=InvalidInput, now=NOON):
                raise broken
    assert not await is_refused(connection, subject)


async def test_right_ones_wait_for_those_being_judged(platform: Platform, subject: str) -> None:
    """After wrong guesses, more right ones at once than the limit leaves room for all get in."""
    async with platform.connection() as connection:
        for _ in range(LIMIT.most - 1):
            await guess_wrong(connection, subject)

    async def act() -> bool:
        async with (
            platform.connection() as connection,
            one_guess(connection, LIMIT, subject, wrong=InvalidInput, now=NOON),
        ):
            await asyncio.sleep(0)
            return True

    assert all(await asyncio.gather(*(after_others(act) for _ in range(6))))


async def test_a_window_ends(connection: Connection, subject: str) -> None:
    """When the window is over the count begins anew."""
    for _ in range(LIMIT.most):
        await guess_wrong(connection, subject)
    later = NOON + LIMIT.window
    for _ in range(LIMIT.most):
        await take_attempt(connection, LIMIT, subject, now=later)
    with pytest.raises(TooManyAttempts):
        await take_attempt(connection, LIMIT, subject, now=later)


async def test_a_success_forgives_its_own_window_only(connection: Connection, subject: str) -> None:
    """An attempt that outlived its window takes nothing off the next one."""
    later = NOON + LIMIT.window
    async with one_guess(connection, LIMIT, subject, wrong=InvalidInput, now=NOON):
        for _ in range(LIMIT.most):
            await guess_wrong(connection, subject, now=later)
    assert await is_refused(connection, subject, now=later)


async def test_subjects_and_kinds_are_apart(connection: Connection, subject: str) -> None:
    """Attempts of one kind, or of somebody else, lock nobody out of another."""
    for _ in range(LIMIT.most):
        await guess_wrong(connection, subject)
    assert not await is_refused(connection, f"{subject}x")
    other = GuessLimit(kind="other", most=1, window=LIMIT.window, refusal="wait")
    assert not await is_refused(connection, subject, limit=other)


async def test_old_windows_are_swept(connection: Connection, subject: str, now: datetime) -> None:
    """Upkeep forgets windows that are over, and no others."""
    for _ in range(LIMIT.most):
        await take_attempt(connection, LIMIT, f"{subject}x", now=now)
    old = now - EXPIRED_KEPT - timedelta(seconds=1)
    await take_attempt(connection, LIMIT, subject, now=old)
    swept = await sweep_database(connection, now=now)
    assert swept.guesses >= 1
    cursor = await connection.execute(
        b"SELECT count(*) FROM guess_window WHERE began_at < %s", [now - EXPIRED_KEPT]
    )
    assert await cursor.fetchone() == (0,)
    assert await is_refused(connection, f"{subject}x", now=now)
