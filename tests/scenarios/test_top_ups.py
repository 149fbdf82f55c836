"""Stories of money coming in by card."""

import pytest

from talktime.core.errors import InsufficientCredits
from talktime.core.money import parse_usd
from talktime.core.payment import Checkout, CheckoutOrder, NoticeKind, Payment, PaymentNotice
from talktime.ops.top_ups import begin_top_up, settle_payment
from tests.payments.paying import notice
from tests.scenarios.story import Story, StoryOf


class AnyProvider:
    """A provider that opens a page for whoever asks."""

    name = "stripe"

    async def create_checkout(self, order: CheckoutOrder) -> Checkout:
        return Checkout(checkout_id=f"cs_{order.payment_id}", url="https://pay.example/page")

    async def read_checkout(self, payment: Payment) -> PaymentNotice:
        return notice(payment, NoticeKind.OPEN)


async def top_up(story: Story, payment_id: str, amount: str) -> Payment:
    payment, _ = await begin_top_up(
        story.platform.connection,
        AnyProvider(),
        account_id=story.account_id,
        payment_id=payment_id,
        amount_nanos=parse_usd(amount, field="amount"),
        return_url="https://talktime.test/back",
        now=story.now,
    )
    return payment


async def told(story: Story, what: PaymentNotice) -> None:
    async with story.platform.connection() as connection:
        await settle_payment(connection, what, terms=story.platform.terms, now=story.now)


async def test_from_refused_to_talking(story_of: StoryOf) -> None:
    """Broke, refused, topped up: the same call is admitted as soon as the money is there, and the
    debt of an earlier call is repaid first."""
    story = await story_of(paid="0.10")
    await story.call_costing("CA1", "0.5")
    assert await story.balances() == ("0", "-0.55", "0")
    with pytest.raises(InsufficientCredits):
        await story.start("CA2")

    payment = await top_up(story, "top-1", "5")
    with pytest.raises(InsufficientCredits):
        await story.start("CA2")

    await told(story, notice(payment))
    assert await story.balances() == ("0", "4.45", "0")
    assert (await story.start("CA2")).call_id == "CA2"


async def test_promo_is_spent_before_a_top_up(story_of: StoryOf) -> None:
    """Money put in does not change the order: promo goes first, to its last nano (R8)."""
    story = await story_of(promo="0.50")
    await told(story, notice(await top_up(story, "top-1", "5")))
    await story.call_costing("CA1", "0.5")

    assert await story.balances() == ("0", "4.85", "0")


async def test_a_top_up_during_a_call(story_of: StoryOf) -> None:
    """Money that comes while a call runs is there for its end, and its hold stays what it was."""
    story = await story_of(paid="0.10")
    await story.start("CA1")
    await told(story, notice(await top_up(story, "top-1", "5")))
    assert await story.balances() == ("0", "5.1", "0.1")


async def test_a_top_up_arms_the_alert_again(story_of: StoryOf) -> None:
    """Below the warning level, above it by a top-up, and below it again: told twice (R7)."""
    story = await story_of(paid="1.05")
    await story.call_costing("CA1", "0.1")
    await told(story, notice(await top_up(story, "top-1", "5")))
    await story.call_costing("CA2", "4")

    kinds = [kind for kind, _ in await story.told()]
    assert kinds.count("balance.below_warning") == 2
