"""How often somebody may try before having to wait; counted in the database, for all processes.

A window begins with the first attempt and lasts as long as its limit says. What is counted is kept
under a hash of whom it is about: an account, an e-mail address, a client's address.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from talktime.core.errors import TooManyAttempts
from talktime.core.secret import sha256_of
from talktime.db import guesses
from talktime.db.pool import Connection


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
"""Unknown coupon codes of one account."""


MAILS_TO_MAILBOX: Final = GuessLimit(
    kind="mail_to_mailbox",
    most=10,
    window=timedelta(hours=1),
    refusal="this address was written to several times within the hour; wait a little, the mails "
    "of before still count",
    field="address",
)
"""Links and invitations together, by the normal form of the address: whoever asks for them need
not be whoever reads them."""


async def check_guesses(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> None:
    """Raise TooManyAttempts where the subject has used its attempts up; counts nothing."""
    found = await guesses.read_guesses(
        connection, kind=limit.kind, subject_sha256=sha256_of(subject), since=now - limit.window
    )
    if found is not None and found.attempts >= limit.most:
        raise _refusal(limit, began_at=found.began_at, now=now)


async def count_guess(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> None:
    """Note an attempt.

    It must not stand in a transaction that the refusal of the attempt rolls back.
    """
    await guesses.count_guess(
        connection,
        kind=limit.kind,
        subject_sha256=sha256_of(subject),
        now=now,
        since=now - limit.window,
    )


async def take_attempt(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> None:
    """Note an attempt, and raise TooManyAttempts where it is one too many; for attempts that count
    whatever comes of them."""
    found = await guesses.count_guess(
        connection,
        kind=limit.kind,
        subject_sha256=sha256_of(subject),
        now=now,
        since=now - limit.window,
    )
    if found.attempts > limit.most:
        raise _refusal(limit, began_at=found.began_at, now=now)


async def is_within(
    connection: Connection, limit: GuessLimit, subject: str, *, now: datetime
) -> bool:
    """Note an attempt, and tell whether it is within the limit, where nothing is refused."""
    found = await guesses.count_guess(
        connection,
        kind=limit.kind,
        subject_sha256=sha256_of(subject),
        now=now,
        since=now - limit.window,
    )
    return found.attempts <= limit.most


def _refusal(limit: GuessLimit, *, began_at: datetime, now: datetime) -> TooManyAttempts:
    # Another process's clock may be a little ahead of ours.
    wait = max(timedelta(0), min(limit.window, began_at + limit.window - now))
    return TooManyAttempts(
        limit.refusal, retry_after=wait // timedelta(seconds=1) + 1, field=limit.field
    )
