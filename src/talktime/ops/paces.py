"""What accounts' calls cost lately, and how long money lasts at that pace."""

from collections.abc import Sequence
from typing import Final

from talktime.core.account import AccountStatus
from talktime.core.money import parse_usd
from talktime.core.ratecard import Channel
from talktime.core.talk_time import Pace
from talktime.db import billing
from talktime.db.messages import MessageKey, read_warned_balances
from talktime.db.pool import Connection

PACE_CALLS: Final = 20
"""How many of the last charged calls tell the pace."""

AMONG_CALLS: Final = 10 * PACE_CALLS
"""Among how many of an account's last calls they are looked for."""


async def read_paces(
    connection: Connection, account_ids: Sequence[str], *, limit: int
) -> dict[str, list[Pace]]:
    """The paces of each account's ``limit`` most used pairs of agent and channel, the most used
    first; none for accounts without a charged call."""
    rows = await billing.read_paces(
        connection, account_ids, among=AMONG_CALLS, calls_max=PACE_CALLS, limit=limit
    )
    found: dict[str, list[Pace]] = {account_id: [] for account_id in account_ids}
    for row in rows:
        found[row.account_id].append(
            Pace(
                agent_id=row.agent_id,
                channel=Channel(row.channel),
                calls=row.calls,
                charge_nanos=row.charge_nanos,
                duration_ms=row.duration_ms,
            )
        )
    return found


async def talk_time_facts(
    connection: Connection, keys: Sequence[MessageKey]
) -> dict[MessageKey, dict[str, str]]:
    """What warnings of a low balance say of the talk time left: what Billing's headline says.

    No fact where nothing tells the pace; 0 seconds where no new call can start.
    """
    if not keys:
        return {}
    balances = await read_warned_balances(connection, keys)
    accounts = list(dict.fromkeys(balance.account_id for balance in balances))
    paces = await read_paces(connection, accounts, limit=1)
    facts: dict[MessageKey, dict[str, str]] = {}
    for told in balances:
        startable = parse_usd(told.available, field="available") - told.held_nanos
        floor = parse_usd(told.floor, field="floor")
        key = (told.account_id, told.message_id)
        if told.status == AccountStatus.SUSPENDED or startable < floor:
            facts[key] = {"talk_time_seconds": "0"}
            continue
        for pace in paces[told.account_id]:
            if pace.channel is Channel.CHAT:
                facts[key] = {"talk_time_chats": str(pace.calls_left(startable))}
            else:
                facts[key] = {"talk_time_seconds": str(pace.ms_left(startable) // 1000)}
    return facts
