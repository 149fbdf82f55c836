"""Stories of money going back: asked for, taken back by a bank, and what calls make of it."""

from typing import Any

import pytest

from talktime.core.errors import InsufficientCredits, RefundTooMuch
from talktime.core.payment import NANOS_PER_CENT
from talktime.core.refund import DisputeNotice, PartStatus, Refund, RefundNotice
from talktime.ops.disputes import settle_dispute
from talktime.ops.refunds import approve_refund, ask_refund, settle_refund
from tests.payments.paying import notice
from tests.scenarios.story import Story, StoryOf
from tests.scenarios.test_top_ups import told, top_up


async def paid(story: Story, payment_id: str, amount: str) -> None:
    await told(story, notice(await top_up(story, payment_id, amount)))


async def approved(story: Story, cents: int | None = None) -> Refund:
    """Asked for and let go, in one breath."""
    async with story.platform.connection() as connection:
        refund, _ = await ask_refund(
            connection,
            account_id=story.account_id,
            refund_id=f"refund-{story.now:%H%M%S%f}",
            provider="stripe",
            amount_nanos=None if cents is None else cents * NANOS_PER_CENT,
            now=story.now,
        )
        return await approve_refund(
            connection,
            account_id=story.account_id,
            refund_id=refund.refund_id,
            terms=story.platform.terms,
            now=story.now,
        )


async def sent(story: Story, refund: Refund, status: PartStatus = PartStatus.SUCCEEDED) -> None:
    """What Stripe says of each part."""
    async with story.platform.connection() as connection:
        for part in refund.parts:
            said = RefundNotice(
                provider_refund_id=f"re_{part.part_id}",
                intent_id=part.intent_id,
                amount_cents=part.amount_nanos // NANOS_PER_CENT,
                currency="usd",
                status=status,
                account_id=part.account_id,
                payment_id=part.payment_id,
                part_id=part.part_id,
            )
            await settle_refund(connection, said, terms=story.platform.terms, now=story.now)


async def disputed(story: Story, payment_id: str, **cents: Any) -> None:
    """What a bank does with a payment: withdrawn_cents, reinstated_cents."""
    facts: dict[str, Any] = {"withdrawn_cents": None, "reinstated_cents": None}
    said = DisputeNotice(
        dispute_id=f"dp_{payment_id}",
        intent_id=f"pi_{payment_id}",
        currency="usd",
        account_id=story.account_id,
        payment_id=payment_id,
        **(facts | cents),
    )
    async with story.platform.connection() as connection:
        await settle_dispute(connection, said, terms=story.platform.terms, now=story.now)


async def test_leaving_with_what_is_left(story_of: StoryOf) -> None:
    """A customer talks, asks for the rest, and gets it: promo was spent first, what was not used
    goes back, and the ledger shows each step."""
    story = await story_of(promo="0.50")
    await paid(story, "top-1", "10")
    await story.call_costing("CA1", "1")
    refund = await approved(story)
    assert await story.balances() == ("0", "9.2", "0")
    with pytest.raises(InsufficientCredits):
        await story.start("CA2")

    await sent(story, refund)
    assert await story.balances() == ("0", "0", "0")
    kinds = [entry.kind.value for entry in await story.entries()]
    assert kinds[-3:] == ["top_up", "call", "refund"]


async def test_promo_stays(story_of: StoryOf) -> None:
    """Promo does not go back, and whoever takes their money home can still talk on it."""
    story = await story_of(promo="2")
    await paid(story, "top-1", "5")
    await sent(story, await approved(story))
    assert await story.balances() == ("2", "0", "0")
    assert (await story.start("CA1")).call_id == "CA1"


async def test_the_money_of_a_running_call(story_of: StoryOf) -> None:
    """While a call runs its hold cannot go back, and a call that runs on during the refund ends
    below zero without being cut off (R6)."""
    story = await story_of()
    await paid(story, "top-1", "5")
    await story.start("CA1")
    with pytest.raises(RefundTooMuch):
        await approved(story, 491)
    refund = await approved(story, 490)
    await sent(story, refund)
    assert await story.balances() == ("0", "0.1", "0.1")


async def test_a_refund_that_fails_lets_calls_in_again(story_of: StoryOf) -> None:
    """What was set aside is free at once when the bank says no."""
    story = await story_of()
    await paid(story, "top-1", "5")
    refund = await approved(story)
    with pytest.raises(InsufficientCredits):
        await story.start("CA1")
    await sent(story, refund, PartStatus.FAILED)
    assert (await story.start("CA1")).call_id == "CA1"


async def test_a_chargeback_after_the_talk(story_of: StoryOf) -> None:
    """The money is used, then the bank takes it back: paid is below zero, new calls are refused,
    and the next top-up repays it first; won, it comes back."""
    story = await story_of()
    await paid(story, "top-1", "5")
    await story.call_costing("CA1", "3")
    await disputed(story, "top-1", withdrawn_cents=500)
    assert await story.balances() == ("0", "-3.9", "0")
    with pytest.raises(InsufficientCredits):
        await story.start("CA2")

    await paid(story, "top-2", "10")
    assert await story.balances() == ("0", "6.1", "0")
    await disputed(story, "top-1", reinstated_cents=500)
    assert await story.balances() == ("0", "11.1", "0")


async def test_below_the_warning_by_a_chargeback(story_of: StoryOf) -> None:
    """A bank's taking is a crossing like any other, told once (R7)."""
    story = await story_of()
    await paid(story, "top-1", "5")
    await disputed(story, "top-1", withdrawn_cents=450)
    await disputed(story, "top-1", withdrawn_cents=450)
    kinds = [kind for kind, _ in await story.told()]
    assert kinds.count("balance.below_warning") == 1
