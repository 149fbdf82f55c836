"""A call's receipt, and the calls it is compared with."""

from datetime import datetime
from typing import Final

from talktime.core.call import BillingStatus, Call
from talktime.core.comparison import CALLS_MAX, CALLS_MIN, Comparison, compare_call
from talktime.core.receipt import Receipt, receipt_of
from talktime.db import call_history
from talktime.db.pool import Connection
from talktime.ops.call_history import read_call

CALLS_LOOKED_AT: Final = 2_000
"""Among how many calls before it those of the same channel are looked for."""


async def read_receipt(
    connection: Connection, account_id: str, call_id: str, *, now: datetime
) -> Receipt:
    """The receipt of one call as a document. Raises AccountUnknown, CallUnknown."""
    return receipt_of(await read_call(connection, account_id, call_id, now=now))


async def explain_cost(connection: Connection, call: Call) -> Comparison | None:
    """Why a charged call cost more than those before it; None where it did not, by much.

    It is compared with the same agent's calls where there are CALLS_MIN of them, otherwise with
    all calls of its channel.
    """
    if call.billing_status is not BillingStatus.CHARGED or not call.charge_nanos:
        return None
    if call.agent_id is not None:
        of_agent = await call_history.compare_calls(
            connection, call, agent_id=call.agent_id, limit=CALLS_MAX, most=CALLS_LOOKED_AT
        )
        if len(of_agent) >= CALLS_MIN:
            return compare_call(call, of_agent, is_of_agent=True)
    of_channel = await call_history.compare_calls(
        connection, call, agent_id=None, limit=CALLS_MAX, most=CALLS_LOOKED_AT
    )
    return compare_call(call, of_channel, is_of_agent=False)
