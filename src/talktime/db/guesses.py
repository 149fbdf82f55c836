"""Attempts counted per kind and subject; the window is the row's own."""

from datetime import datetime

from talktime.db.pool import Connection
from talktime.db.queries import query


async def count_guess(
    connection: Connection,
    *,
    kind: str,
    subject_sha256: bytes,
    most: int,
    now: datetime,
    since: datetime,
) -> datetime | None:
    """Add an attempt to the window, or begin one where the last began by ``since``.

    When the window began, or None where it has ``most`` attempts already: then nothing is counted.
    """
    cursor = await connection.execute(
        query("count_guess"),
        {
            "kind": kind,
            "subject_sha256": subject_sha256,
            "most": most,
            "now": now,
            "since": since,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def forgive_guess(
    connection: Connection, *, kind: str, subject_sha256: bytes, began_at: datetime
) -> None:
    """Take an attempt of the window that began then back, unless another has begun since."""
    await connection.execute(
        query("forgive_guess"),
        {"kind": kind, "subject_sha256": subject_sha256, "began_at": began_at},
    )


async def read_guess_window(
    connection: Connection, *, kind: str, subject_sha256: bytes, since: datetime, least: int = 0
) -> datetime | None:
    """When the window began, if one after ``since`` is open and has ``least`` attempts."""
    cursor = await connection.execute(
        query("read_guess_window"),
        {"kind": kind, "subject_sha256": subject_sha256, "since": since, "least": least},
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
