"""Attempts are counted for all processes, and forgotten in time."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from talktime.core.errors import TooManyAttempts
from talktime.db.pool import Connection
from talktime.ops.guesses import GuessLimit, check_guesses, count_guess, take_attempt
from talktime.ops.platform import Platform
from talktime.ops.upkeep import EXPIRED_KEPT, sweep_database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMIT = GuessLimit(kind="test", most=3, window=timedelta(minutes=10), refusal="wait", field="word")


@pytest.fixture
def subject() -> str:
    return uuid.uuid4().hex


async def test_attempts_of_all_processes_count(
    platform: Platform, connection: Connection, subject: str
) -> None:
    """Whoever counted them: after so many attempts the next is refused, with the time to wait."""
    for _ in range(LIMIT.most):
        await check_guesses(connection, LIMIT, subject, now=NOON)
        async with platform.connection() as another:
            await count_guess(another, LIMIT, subject, now=NOON)
    with pytest.raises(TooManyAttempts) as refused:
        await check_guesses(connection, LIMIT, subject, now=NOON + timedelta(minutes=4))
    assert refused.value.retry_after == 6 * 60 + 1
    assert refused.value.field == "word"


async def test_a_window_ends(connection: Connection, subject: str) -> None:
    """When the window is over the count begins anew."""
    for _ in range(LIMIT.most):
        await count_guess(connection, LIMIT, subject, now=NOON)
    later = NOON + LIMIT.window
    await check_guesses(connection, LIMIT, subject, now=later)
    for _ in range(LIMIT.most):
        await take_attempt(connection, LIMIT, subject, now=later)
    with pytest.raises(TooManyAttempts):
        await take_attempt(connection, LIMIT, subject, now=later)


async def test_subjects_and_kinds_are_apart(connection: Connection, subject: str) -> None:
    """Attempts of one kind, or of somebody else, lock nobody out of another."""
    for _ in range(LIMIT.most):
        await count_guess(connection, LIMIT, subject, now=NOON)
    await check_guesses(connection, LIMIT, f"{subject}x", now=NOON)
    other = GuessLimit(kind="other", most=1, window=LIMIT.window, refusal="wait")
    await check_guesses(connection, other, subject, now=NOON)


async def test_old_windows_are_swept(connection: Connection, subject: str, now: datetime) -> None:
    """Upkeep forgets windows that are over, and no others."""
    for _ in range(LIMIT.most):
        await count_guess(connection, LIMIT, f"{subject}x", now=now)
    await count_guess(connection, LIMIT, subject, now=now - EXPIRED_KEPT - timedelta(seconds=1))
    swept = await sweep_database(connection, now=now)
    assert swept.guesses >= 1
    cursor = await connection.execute(
        b"SELECT count(*) FROM guess_window WHERE began_at < %s", [now - EXPIRED_KEPT]
    )
    assert await cursor.fetchone() == (0,)
    with pytest.raises(TooManyAttempts):
        await check_guesses(connection, LIMIT, f"{subject}x", now=now)
