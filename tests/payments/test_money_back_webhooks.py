"""Webhooks about money that goes back or is taken: one per entry, named by the provider's id."""

import msgspec

from talktime.db.webhook_lanes import read_untold
from talktime.ops.webhook_bodies import messages_of, read_recorded
from tests.payments.refunding import Refunder, given, said, taken


async def told(refunder: Refunder) -> list[tuple[str, str, str]]:
    """(type, provider's id, amount) of what listeners hear of refunds and disputes."""
    found = []
    async with refunder.platform.connection() as connection:
        events = await read_untold(connection, [(refunder.account_id, 0, 100)])
        recorded = await read_recorded(connection, events, floor_nanos=0)
    for event in events:
        for message in messages_of(event, recorded):
            data = msgspec.json.decode(message.body)["data"]
            ref = data.get("provider_refund_id") or data.get("dispute_id")
            if ref is not None:
                found.append((message.type, ref, data["amount"]))
    return found


async def test_each_way_is_told(refunder: Refunder) -> None:
    """A refund that goes and comes back, a dispute that takes and gives again: four messages, with
    positive amounts."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    refund = back.from_dashboard(payment.intent_id, 250)
    await refunder.tell(said(back.end(refund["id"])))
    await refunder.tell(said(back.end(refund["id"], "failed")))
    dispute = back.dispute(payment.intent_id, 600)
    await refunder.tell(taken(dispute))
    await refunder.tell(given(dispute, 150))
    assert await told(refunder) == [
        ("refund.succeeded", refund["id"], "2.5"),
        ("refund.reversed", refund["id"], "2.5"),
        ("dispute.taken", dispute["id"], "6"),
        ("dispute.given_again", dispute["id"], "1.5"),
    ]
