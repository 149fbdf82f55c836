"""Stories of what calls cost and which balance pays."""

import pytest

from talktime.core.call import BillingStatus
from talktime.core.errors import LineNotAllowed
from talktime.core.money import format_usd
from talktime.core.ratecard import Channel
from tests.scenarios.story import Story, StoryOf, costs, taken

PHONE = [("llm", "0.005"), ("stt", "0.006"), ("tts", "0.022"), ("sip", "0.007")]


async def test_the_worked_example_on_the_phone(story: Story) -> None:
    """A minute on the phone costs the provider $0.040, so the customer pays $0.052, from promo."""
    await story.start("CA1")
    call = (await story.end("CA1", "completed", *(costs(*line) for line in PHONE))).call

    assert format_usd(call.cost_nanos) == "0.04"
    assert format_usd(call.margin_nanos) == "0.012"
    assert call.charge_nanos == 52_000_000
    assert await story.balances() == ("0.448", "5", "0")


async def test_the_worked_example_on_the_web(story: Story) -> None:
    """The same minute on the web has no SIP line and costs $0.0429."""
    await story.start("W1", Channel.WEB)
    call = (await story.end("W1", "completed", *(costs(*line) for line in PHONE[:3]))).call

    assert (call.cost_nanos, call.margin_nanos, call.charge_nanos) == (
        33_000_000,
        9_900_000,
        42_900_000,
    )


async def test_the_worked_example_of_five_minutes(story: Story) -> None:
    """Five minutes with lines of $0.018, $0.028, $0.036 and $0.05 cost $0.1716."""
    await story.start("CA5")
    lines = [("llm", "0.018"), ("stt", "0.028"), ("tts", "0.036"), ("sip", "0.05")]
    call = (await story.end("CA5", "completed", *(costs(*line) for line in lines))).call

    assert call.charge_nanos == 171_600_000


async def test_a_web_call_cannot_have_a_sip_line(story: Story) -> None:
    """A line its channel cannot have is refused by name, and the call stays live and unspent."""
    await story.start("W2", Channel.WEB)
    with pytest.raises(LineNotAllowed) as refused:
        await story.end("W2", "completed", costs("sip", "0.007"))

    assert refused.value.field == "lines[0].service"
    assert await story.balances() == ("0.5", "5", "0.1")


async def test_promo_is_spent_first_and_to_the_last_nano(story_of: StoryOf) -> None:
    """A call dearer than what is left of promo empties it exactly and takes the rest from paid."""
    story = await story_of(promo="0.100000001", paid="1")
    call = await story.call_costing("CA1", "0.1")

    assert (call.promo_charged_nanos, call.paid_charged_nanos) == (100_000_001, 29_999_999)
    assert await story.balances() == ("0", "0.970000001", "0")


async def test_many_calls_of_one_batch_share_the_last_promo(story_of: StoryOf) -> None:
    """Calls settled together spend promo in their order; who finds it empty is paid from paid."""
    story = await story_of(promo="0.15", paid="5")
    ids = ["A", "B", "C"]
    await story.start_all(ids)
    answers = await story.end_all([(i, "completed", (costs("llm", "0.1"),)) for i in ids])

    calls = [taken(answer).call for answer in answers]
    splits = [(call.promo_charged_nanos, call.paid_charged_nanos) for call in calls]
    assert splits == [(130_000_000, 0), (20_000_000, 110_000_000), (0, 130_000_000)]
    assert [e.promo_after_nanos for e in await story.entries()][-3:] == [20_000_000, 0, 0]


async def test_a_call_that_cost_nothing_writes_no_entry(story: Story) -> None:
    """A completed call without usage is charged $0.00 and leaves the ledger alone."""
    before = await story.entries()
    await story.start("CA0")
    call = (await story.end("CA0")).call

    assert (call.billing_status, call.charge_nanos, call.entry_seq) == (
        BillingStatus.CHARGED,
        0,
        None,
    )
    assert await story.entries() == before


@pytest.mark.parametrize("outcome", ["failed", "rejected", "busy", "no_answer", "canceled"])
async def test_a_call_that_did_not_work_is_free_and_says_why(story: Story, outcome: str) -> None:
    """Whatever a failed call used, the customer pays nothing; what it cost us stays on record."""
    await story.start("CA1")
    call = (await story.end("CA1", outcome, costs("llm", "0.02"))).call

    assert (call.billing_status, call.free_reason) == (BillingStatus.FREE, outcome)
    assert call.cost_nanos == 20_000_000
    assert await story.balances() == ("0.5", "5", "0")


async def test_voicemail_is_charged(story: Story) -> None:
    """A voicemail used the services like any conversation, so it is charged."""
    await story.start("CA1")
    call = (await story.end("CA1", "voicemail", costs("tts", "0.01"))).call

    assert (call.billing_status, call.charge_nanos) == (BillingStatus.CHARGED, 13_000_000)
