"""Attempts counted per kind and subject; the window is the row's own."""

from datetime import datetime
from typing import NamedTuple

from talktime.db.pool import Connection
from talktime.db.queries import query


class Guesses(NamedTuple):
    attempts: int
    began_at: datetime


async def read_guesses(
    connection: Connection, *, kind: str, subject_sha256: bytes, since: datetime
) -> Guesses | None:
    """The attempts of a window that began after ``since``, if there is one."""
    cursor = await connection.execute(
        query("read_guesses"), {"kind": kind, "subject_sha256": subject_sha256, "since": since}
    )
    row = await cursor.fetchone()
    return None if row is None else Guesses(*row)


async def count_guess(
    connection: Connection, *, kind: str, subject_sha256: bytes, now: datetime, since: datetime
) -> Guesses:
    """Add an attempt to the window, or begin one where the last began by ``since``."""
    cursor = await connection.execute(
        query("count_guess"),
        {"kind": kind, "subject_sha256": subject_sha256, "now": now, "since": since},
    )
    row = await cursor.fetchone()
    assert row is not None
    return Guesses(*row)
