"""How often somebody may try before having to wait; counted in the database, for all processes.

A window begins with the first attempt and lasts as long as its limit says. What is counted is kept
under a hash of whom it is about: an account, an e-mail address, a client's address.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec

from talktime.core.errors import TalktimeError, TooManyAttempts
from talktime.core.secret import sha256_of
from talktime.db import guesses
from talktime.db.pool import Connection

T = TypeVar("T")

OTHERS_JUDGED_WITHIN: Final = 2.0
"""Seconds to wait for attempts that are being judged, which may yet turn out to be none."""
OTHERS_ASKED_EVERY: Final = 0.1


class GuessLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts of one kind a subject has in a window."""

    kind: str
    most: int
    window: timedelta
    refusal: str
    """What to do, for whoever tried too often."""
    field: str | None = None
    """The part of the input that was tried."""


COUPON_CODES: Final = GuessLimit(
    kind="coupon_code",
    most=20,
    window=timedelta(minutes=10),
    refusal="20 codes were wrong in 10 minutes; "
    "wait a little, then copy the code as it was sent to you",
    field="code",
)
"""Unknown coupon codes of one account; those with the wrong letter case too, for the help with it
tells that a code is near."""


@asynccontextmanager
async def one_guess(
    connection: Connection,
    limit: GuessLimit,
    subject: str,
    *,
    wrong: type[TalktimeError],
    now: datetime,
) -> AsyncIterator[None]:
    """Around the judging of an attempt of which only the wrong ones count.

    It is counted before it is judged, so that no burst gets more than the limit, and forgiven where
    it comes out otherwise than as ``wrong``, cancelled and broken ones too. Raises TooManyAttempts,
    ``is_passing`` where fewer were wrong. It must not stand in a transaction that the refusal of
    the attempt rolls back.
    """
    began_at = await _count(connection, limit, subject, now=now)
    if began_at is None:
        raise await _refusal_of_guess(connection, limit, subject, now=now)
    try:
        yield
    except wrong:
        # By the clock of the window that it was counted in, so that both end together.
        await _count(connection, _wrong_ones(limit), subject, now=began_at)
        raise
    except BaseException:
        await _forgive(connection, limit, subject, began_at)
        raise
    else:
        await _forgive(connection, limit, subject, began_at)


async def after_others(act: Callable[[], Awaitable[T]]) -> T:
    """Act, and again for OTHERS_JUDGED_WITHIN while only attempts being judged are in the way.

    ``act`` takes its connection itself, so that none is held while it waits.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + OTHERS_JUDGED_WITHIN
    while True:
        try:
            return await act()
        except TooManyAttempts as refused:
            if not refused.is_passing or loop.time() >= ends_at:
                raise
        await asyncio.sleep(OTHERS_ASKED_EVERY)


async def take_attempt(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> None:
    """Note an attempt, and raise TooManyAttempts where it is one too many; for attempts that count
    whatever comes of them."""
    if await _count(connection, limit, subject, now=now) is None:
        raise await _refusal(connection, limit, subject, now=now)


async def forget_attempt(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> None:
    """Take an attempt of the window that is open back, if there is one."""
    began_at = await guesses.read_guess_window(
        connection, kind=limit.kind, subject_sha256=sha256_of(subject), since=now - limit.window
    )
    if began_at is not None:
        await _forgive(connection, limit, subject, began_at)


async def is_within(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> bool:
    """Note an attempt, and tell whether it is within the limit, where nothing is refused."""
    return await _count(connection, limit, subject, now=now) is not None


async def _count(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> datetime | None:
    return await guesses.count_guess(
        connection,
        kind=limit.kind,
        subject_sha256=sha256_of(subject),
        most=limit.most,
        now=now,
        since=now - limit.window,
    )


async def _forgive(
    connection: Connection, limit: GuessLimit, subject: str, began_at: datetime
) -> None:
    await guesses.forgive_guess(
        connection, kind=limit.kind, subject_sha256=sha256_of(subject), began_at=began_at
    )


def _wrong_ones(limit: GuessLimit) -> GuessLimit:
    return msgspec.structs.replace(limit, kind=f"{limit.kind}_wrong")


async def _refusal_of_guess(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> TooManyAttempts:
    full = await guesses.read_guess_window(
        connection,
        kind=_wrong_ones(limit).kind,
        subject_sha256=sha256_of(subject),
        since=now - limit.window,
        least=limit.most,
    )
    if full is not None:
        return await _refusal(connection, limit, subject, now=now)
    return TooManyAttempts(
        "others are being looked at just now; try again in a moment",
        retry_after=1,
        field=limit.field,
        is_passing=True,
    )


async def _refusal(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> TooManyAttempts:
    began_at = await guesses.read_guess_window(
        connection, kind=limit.kind, subject_sha256=sha256_of(subject), since=now - limit.window
    )
    ends_at = now if began_at is None else began_at + limit.window
    # Another process's clock may be a little ahead of ours.
    wait = max(timedelta(0), min(limit.window, ends_at - now))
    return TooManyAttempts(
        limit.refusal, retry_after=wait // timedelta(seconds=1) + 1, field=limit.field
    )
