"""Stories of endings: twice, late, silent, without a price."""

from datetime import timedelta

import pytest

from talktime.core.call import BillingStatus, Status
from talktime.core.errors import CallAlreadyEnded, EndBeforeStart, InvalidQuantity
from talktime.core.ratecard import Channel
from talktime.db.acts import read_late_lines
from tests.scenarios.story import Story, StoryOf, costs, taken, used

PRICES: list[dict[str, object]] = [
    {"quantity": "input_tokens", "usd": "1", "per": 1000, "unit": "token"},
    {"quantity": "output_tokens", "usd": "2", "per": 1000, "unit": "token"},
]


def card(version: str, prices: list[dict[str, object]]) -> dict[str, object]:
    """A rate card with the prices of one model."""
    entry = {
        "service": "llm",
        "provider": "newlab",
        "model": "nova",
        "effective": "2024-01-01",
        "source": "the story",
        "prices": prices,
    }
    return {"version": version, "currency": "USD", "entries": [entry]}


CARD = card("story-1", PRICES)


async def test_an_end_sent_twice_is_charged_once(story: Story) -> None:
    """The same end again gets the same answer and moves nothing."""
    first = await story.call_costing("CA1", "0.04")
    again = await story.end("CA1", "completed", costs("llm", "0.04"))

    assert (again.repeated, again.call.is_late) == (True, False)
    assert (again.call.charge_nanos, again.call.entry_seq) == (first.charge_nanos, first.entry_seq)
    assert await story.balances() == ("0.448", "5", "0")


async def test_ends_of_one_call_in_one_batch_settle_once(story: Story) -> None:
    """Of three ends in a batch the first wins, its repeat is answered, another outcome refused."""
    await story.start("CA1")
    line = (costs("llm", "0.04"),)
    first, again, other = await story.end_all(
        [("CA1", "completed", line), ("CA1", "completed", line), ("CA1", "failed", line)]
    )

    assert (taken(first).repeated, taken(again).repeated) == (False, True)
    assert isinstance(other, CallAlreadyEnded)
    assert await story.balances() == ("0.448", "5", "0")


async def test_usage_after_the_end_is_noted_and_never_debited(story: Story) -> None:
    """Greater totals after settlement are kept beside the call for the operator."""
    await story.call_costing("CA1", "0.04")
    answer = await story.report("CA1", costs("llm", "0.09"))

    assert answer.call.is_late
    assert await story.balances() == ("0.448", "5", "0")


async def test_the_greatest_late_totals_are_kept(story: Story) -> None:
    """Late reports are running totals too: a smaller one that follows hides no greater one."""
    await story.call_costing("CA1", "0.04")
    for cost in ("0.09", "0.07"):
        await story.report("CA1", costs("llm", cost))
    await story.report("CA1", costs("tts", "0.01"))

    async with story.platform.connection() as connection:
        late = await read_late_lines(connection, (story.account_id, "CA1"))
    assert [(line.service, line.provider_cost_nanos) for line in late] == [
        ("llm", 90_000_000),
        ("tts", 10_000_000),
    ]


async def test_an_end_before_the_start_is_refused(story: Story) -> None:
    """A call cannot end before it began; the call stays live until a possible end arrives."""
    await story.start("CA1")
    with pytest.raises(EndBeforeStart) as refused:
        await story.end_at("CA1", story.now - timedelta(hours=1))
    assert refused.value.field == "ended_at"
    assert (await story.report("CA1")).call.status is Status.LIVE


async def test_a_dead_bot_costs_nothing(story: Story) -> None:
    """A call not heard from for the whole grace has failed: free, hold released, and it says so."""
    await story.start("CA1")
    await story.report("CA1", costs("llm", "0.04"))
    story.passes(minutes=14)
    assert await story.watchdog() == []
    story.passes(minutes=1)
    (call,) = await story.watchdog()

    assert (call.outcome, call.free_reason) == ("failed", "no_sign_of_life")
    assert call.ended_at == call.last_heard_at
    assert await story.balances() == ("0.5", "5", "0")


async def test_a_bot_cut_off_for_ten_minutes_is_charged_as_usual(story: Story) -> None:
    """Silence shorter than the grace ends nothing: the call goes on and is charged whole."""
    await story.start("CA1")
    story.passes(minutes=10)
    assert await story.watchdog() == []
    assert (await story.report("CA1", costs("llm", "0.04"))).call.status_at(
        story.now
    ) is Status.LIVE
    story.passes(minutes=10)
    assert await story.watchdog() == []
    assert (await story.end("CA1")).call.charge_nanos == 52_000_000


async def test_our_own_outage_fails_no_call(story: Story) -> None:
    """The grace counts from when reports could reach us again."""
    await story.start("CA1")
    story.passes(hours=2)
    story.healthy_since = story.now
    assert await story.watchdog() == []
    story.passes(minutes=14)
    assert await story.watchdog() == []
    assert (
        await story.end("CA1", "completed", costs("llm", "0.04"))
    ).call.charge_nanos == 52_000_000


async def test_a_silent_chat_is_over_and_charged(story: Story) -> None:
    """Nobody says goodbye in a chat: it idles out as completed, charged for what it used."""
    await story.start("C1", Channel.CHAT)
    await story.report("C1", costs("llm", "0.01"))
    story.passes(minutes=20)
    (call,) = await story.watchdog()

    assert (call.outcome, call.billing_status) == ("completed", BillingStatus.CHARGED)
    assert await story.balances() == ("0.487", "5", "0")


async def test_an_end_after_the_watchdog_is_late(story: Story) -> None:
    """The real end gets the settled call and hears that it was late; the call stays free."""
    await story.start("CA1")
    story.passes(minutes=20)
    await story.watchdog()
    answer = await story.end("CA1", "completed", costs("llm", "0.04"))

    assert answer.call.is_late
    assert answer.call.billing_status is BillingStatus.FREE
    assert await story.balances() == ("0.5", "5", "0")


async def test_a_call_without_a_price_waits_for_it(story: Story) -> None:
    """An unknown model is never $0: the call keeps its hold until the price arrives."""
    await story.start("CA1")
    lines = used("llm", "newlab", "nova", input_tokens=10, output_tokens=5)
    call = (await story.end("CA1", "completed", lines)).call
    assert (call.billing_status, call.charge_nanos) == (BillingStatus.UNPRICED, None)
    assert await story.balances() == ("0.5", "5", "0.1")

    await story.price_arrives(CARD)
    assert await story.balances() == ("0.474", "5", "0")
    assert (await story.end("CA1")).call.charge_nanos == 26_000_000


async def test_a_price_that_never_comes_makes_the_call_free(story: Story) -> None:
    """After seven days without a price the customer owes nothing, and the call says why."""
    await story.start("CA1")
    await story.end("CA1", "completed", used("llm", "newlab", "nova", input_tokens=10))
    story.passes(days=6, hours=23)
    await story.settle_unpriced()
    assert (await story.balances())[2] == "0.1"

    story.passes(hours=1)
    await story.settle_unpriced()
    assert (await story.end("CA1")).call.free_reason == "no_price"
    assert await story.balances() == ("0.5", "5", "0")


async def test_a_free_call_needs_no_price(story: Story) -> None:
    """A failed call is free at once, priced or not."""
    await story.start("CA1")
    call = (await story.end("CA1", "failed", used("llm", "newlab", "nova", input_tokens=10))).call
    assert call.billing_status is BillingStatus.FREE
    assert await story.balances() == ("0.5", "5", "0")


async def test_a_backdated_price_does_not_touch_a_rated_line(story: Story) -> None:
    """A line keeps the price it was first rated by, whatever cards arrive while the call runs."""
    await story.price_arrives(CARD)
    await story.start("CA1")
    await story.report("CA1", used("llm", "newlab", "nova", input_tokens=10))
    dearer: dict[str, object] = {
        "quantity": "input_tokens",
        "usd": "9",
        "per": 1,
        "unit": "token",
    }
    await story.price_arrives(card("story-2", [dearer]))
    call = (
        await story.end("CA1", "completed", used("llm", "newlab", "nova", input_tokens=20))
    ).call

    assert call.cost_nanos == 20_000_000


async def test_reports_lost_doubled_and_reordered_cost_the_same(story_of: StoryOf) -> None:
    """Running totals make the way they travel irrelevant."""
    totals = [used("llm", "newlab", "nova", input_tokens=n, output_tokens=n) for n in (3, 7, 12)]
    charges = []
    for order in ([0, 1, 2], [2], [2, 0, 1], [0, 0, 2, 2, 1]):
        story = await story_of(paid="5")
        await story.price_arrives(CARD)
        await story.start("CA1")
        for n in order:
            await story.report("CA1", totals[n])
        charges.append((await story.end("CA1")).call.charge_nanos)
    assert charges == [46_800_000] * 4


async def test_usage_beyond_belief_stops_nobody(story: Story) -> None:
    """Absurd usage is never charged when its price comes, and others are settled all the same."""
    absurd = used("llm", "newlab", "nova", input_tokens=10**12)
    await story.start_all(["live", "ended", "other", "silent"])
    await story.report("live", absurd)
    await story.end("ended", "completed", absurd)
    await story.end("other", "completed", used("llm", "newlab", "nova", input_tokens=10))

    await story.price_arrives(CARD)
    assert (await story.end("other")).call.charge_nanos == 13_000_000
    with pytest.raises(InvalidQuantity):
        await story.report("silent", absurd)
    assert (await story.end("live", "failed", absurd)).call.billing_status is BillingStatus.FREE
    story.passes(minutes=20)
    (silent,) = await story.watchdog()
    assert silent.call_id == "silent"
    story.passes(days=7)
    await story.settle_unpriced()
    assert (await story.end("ended")).call.free_reason == "no_price"
    assert await story.balances() == ("0.487", "5", "0")


async def test_a_backdated_price_prices_only_what_had_none(story: Story) -> None:
    """A quantity that the pinned card does not price takes another card's price; the rest stays."""
    await story.price_arrives(card("story-1", PRICES[:1]))
    await story.start("CA1")
    await story.report("CA1", used("llm", "newlab", "nova", input_tokens=10))
    await story.price_arrives(card("story-3", [{**one, "usd": "9"} for one in PRICES]))
    lines = used("llm", "newlab", "nova", input_tokens=10, output_tokens=1)
    call = (await story.end("CA1", "completed", lines)).call

    assert call.cost_nanos == 10 * 1_000_000 + 9_000_000
