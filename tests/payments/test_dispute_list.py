"""The list of disputes: how each stands."""

from msgspec.structs import replace

from talktime.core.dispute import DisputeState
from talktime.ops.disputes import list_disputes
from tests.payments.refunding import Refunder, given, taken


async def test_how_each_stands(refunder: Refunder) -> None:
    """Taken, given again whole or in part, waiting for its withdrawal or its payment, of money
    never credited: each dispute says which, the newest word first."""
    payment = await refunder.paid("10")
    open_payment = await refunder.payer.begin("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    some = [back.dispute(payment.intent_id, cents) for cents in (100, 200, 300, 50)]
    for dispute in some[:3]:
        await refunder.tell(taken(dispute))
    await refunder.tell(given(some[1], 150))
    await refunder.tell(given(some[2], 300))
    await refunder.tell(given(some[3], 50))
    foreign = {"id": "dp_foreign", "payment_intent": "pi_second", "amount": 700}
    whose = {"account_id": payment.account_id, "payment_id": payment.payment_id}
    await refunder.tell(replace(taken(foreign), **whose))
    early = {"id": "dp_early", "payment_intent": refunder.charge(open_payment), "amount": 700}
    await refunder.tell(taken(early))

    found = await refunder.disputes()
    assert [(one.dispute_id, one.state) for one in found] == [
        ("dp_early", DisputeState.WAITS_FOR_PAYMENT),
        ("dp_foreign", DisputeState.NEVER_CREDITED),
        (some[3]["id"], DisputeState.WAITS_FOR_WITHDRAWAL),
        (some[2]["id"], DisputeState.GIVEN_AGAIN),
        (some[1]["id"], DisputeState.GIVEN_AGAIN_IN_PART),
        (some[0]["id"], DisputeState.TAKEN),
    ]
    assert (found[4].withdrawn_nanos, found[4].reinstated_nanos) == (2 * 10**9, 1_500_000_000)


async def test_page_by_page(refunder: Refunder) -> None:
    """Pages hold what they may, and go on below the last one, over all accounts too."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    told = [refunder.stripe.back.dispute(payment.intent_id, 100)["id"] for _ in range(5)]
    for dispute_id in told:
        await refunder.tell(taken(refunder.stripe.back.disputes[dispute_id]))
    for account_id in (refunder.account_id, None):
        seen: list[str] = []
        below = None
        while True:
            async with refunder.platform.connection() as connection:
                page, below = await list_disputes(
                    connection, account_id=account_id, before=below, limit=2
                )
            assert len(page) <= 2
            seen += [one.dispute_id for one in page]
            if below is None:
                break
        assert [one for one in seen if one in told] == told[::-1]
