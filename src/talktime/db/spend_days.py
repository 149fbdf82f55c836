"""What an account spent and had, by time: read from the roll-ups and the ledger."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from psycopg.rows import class_row

from talktime.db.pool import Connection
from talktime.db.queries import query


class SpendDay(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one calendar day were charged, by the time of their entries; in nanos."""

    day: date
    calls: int = 0
    llm_nanos: int = 0
    stt_nanos: int = 0
    tts_nanos: int = 0
    sip_nanos: int = 0
    margin_nanos: int = 0
    charge_nanos: int = 0
    """The sum of the five."""

    @property
    def parts(self) -> tuple[int, int, int, int, int]:
        """LLM, STT, TTS, SIP and margin: they add up to the charge."""
        return (
            self.llm_nanos,
            self.stt_nanos,
            self.tts_nanos,
            self.sip_nanos,
            self.margin_nanos,
        )


async def read_spend_days(
    connection: Connection, account_id: str, *, since: datetime, until: datetime, zone: str
) -> list[SpendDay]:
    """The days with charged calls from ``since`` until before ``until``, the oldest first."""
    async with connection.cursor(row_factory=class_row(SpendDay)) as cursor:
        await cursor.execute(
            query("spend_days"),
            {"account_id": account_id, "since": since, "until": until, "zone": zone},
        )
        return await cursor.fetchall()


async def read_closing_balances(
    connection: Connection, account_id: str, untils: Sequence[datetime]
) -> list[int | None]:
    """What was available just before each time; None before the first entry."""
    cursor = await connection.execute(
        query("closing_balances"), {"account_id": account_id, "until": list(untils)}
    )
    found: list[int | None] = [None] * len(untils)
    for item, available_nanos in await cursor.fetchall():
        found[item - 1] = available_nanos
    return found


async def read_charged(
    connection: Connection, account_id: str, spans: Sequence[tuple[datetime, datetime]]
) -> list[int]:
    """What was charged in each span (from, until before), in nanos, to the quarter of an hour."""
    cursor = await connection.execute(
        query("charged_between"),
        {
            "account_id": account_id,
            "since": [since for since, _ in spans],
            "until": [until for _, until in spans],
        },
    )
    return [charge_nanos for _, charge_nanos in await cursor.fetchall()]
