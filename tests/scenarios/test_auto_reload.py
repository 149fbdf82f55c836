"""Stories of a card that is charged when the balance runs low."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from talktime.core.auto_reload import COOL_DOWN, COOL_DOWN_AFTER_FAILURE, ReloadReason
from talktime.core.errors import InsufficientCredits
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.auto_reload import change_auto_reload
from talktime.ops.reload_runs import Tills, reload_account
from talktime.ops.saved_cards import begin_card_setup, finish_card_setup
from tests.payments.reloading import chosen
from tests.scenarios.story import Story, StoryOf


@pytest.fixture
async def sandbox(story: Story) -> AsyncIterator[SandboxPayments]:
    """A provider whose notices nobody hears: what counts are its answers."""
    made = SandboxPayments(
        story.platform.connection, public_url="http://127.0.0.1:9", clock=lambda: story.now
    )
    yield made
    await made.close()


async def save_card(story: Story, sandbox: SandboxPayments, behaviour: str) -> None:
    connections, cards = story.platform.connection, sandbox.cards
    saved = await begin_card_setup(
        connections,
        cards,
        account_id=story.account_id,
        setup_id=f"setup_{secrets.token_hex(8)}",
        return_url="https://talktime.test/billing/auto-reload",
        now=story.now,
    )
    assert saved.setup_checkout_id is not None
    await cards.choose(await cards.page(story.account_id, saved.setup_checkout_id), behaviour)
    await finish_card_setup(connections, cards, account_id=story.account_id, now=story.now)


async def choose(story: Story, threshold: str, amount: str) -> None:
    async with story.platform.connection() as connection:
        await change_auto_reload(
            connection,
            account_id=story.account_id,
            settings=chosen(threshold, amount),
            now=story.now,
        )


async def look(story: Story, sandbox: SandboxPayments) -> ReloadReason:
    tills = Tills(
        connections=story.platform.connection,
        provider=sandbox,
        terms=story.platform.terms,
        public_url=story.platform.public_url,
    )
    decision = await reload_account(
        tills, story.account_id, payment_id=f"reload_{secrets.token_hex(8)}", now=story.now
    )
    return decision.reason


async def test_calls_go_on_because_the_card_is_charged(
    story_of: StoryOf, sandbox: SandboxPayments
) -> None:
    """Twelve cents admit one call; its hold leaves two, so the card is charged while it runs, and
    the next call is admitted that would have been refused."""
    story = await story_of(paid="0.12")
    await save_card(story, sandbox, "pays")
    await choose(story, "0.10", "5")
    assert await look(story, sandbox) is ReloadReason.ENOUGH
    await story.start("CA1")
    with pytest.raises(InsufficientCredits):
        await story.start("CA2")
    assert await look(story, sandbox) is ReloadReason.FIRED
    await story.start("CA3")
    story.now += COOL_DOWN
    assert await look(story, sandbox) is ReloadReason.ENOUGH


async def test_a_declined_card_does_not_stop_what_is_left(
    story_of: StoryOf, sandbox: SandboxPayments
) -> None:
    """A card that is declined changes nothing about the balance: calls go on with what is left."""
    story = await story_of(paid="1")
    await save_card(story, sandbox, "declines")
    await choose(story, "2", "5")
    assert await look(story, sandbox) is ReloadReason.FIRED
    await story.start("CA1")
    story.now += COOL_DOWN
    assert await look(story, sandbox) is ReloadReason.COOLING_DOWN
    story.now += COOL_DOWN_AFTER_FAILURE
    assert await look(story, sandbox) is ReloadReason.FIRED
    story.now += COOL_DOWN_AFTER_FAILURE + timedelta(seconds=1)
    assert await look(story, sandbox) is ReloadReason.FIRED
    story.now += timedelta(days=1)
    assert await look(story, sandbox) is ReloadReason.STOPPED
