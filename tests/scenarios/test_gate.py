"""Stories of the gate: who may start, what is set aside, how far below zero it can go."""

from itertools import pairwise

import pytest

from talktime.core.errors import CallIdConflict, InsufficientCredits
from talktime.core.ratecard import Channel
from talktime.ops.call_start import Admission
from tests.scenarios.story import Story, StoryOf, costs


async def test_exactly_the_floor_is_enough(story_of: StoryOf) -> None:
    """$0.10 admits one call; a nano less admits none."""
    enough, short = await story_of(paid="0.10"), await story_of(paid="0.099999999")

    assert (await enough.start("CA1")).hold_nanos == 100_000_000
    with pytest.raises(InsufficientCredits) as refused:
        await short.start("CA1")
    assert refused.value.facts == {
        "available": "0.099999999",
        "held": "0",
        "startable": "0.099999999",
        "floor": "0.1",
    }


async def test_starts_of_one_instant_see_each_other(story_of: StoryOf) -> None:
    """With $0.55, five of a hundred simultaneous starts are admitted: each sets $0.10 aside."""
    story = await story_of(paid="0.55")
    answers = await story.start_all([f"CA{n}" for n in range(100)])

    assert sum(isinstance(answer, Admission) for answer in answers) == 5
    assert await story.balances() == ("0", "0.55", "0.5")


async def test_a_running_call_is_never_cut_off(story_of: StoryOf) -> None:
    """A call may end below zero; new calls are refused; a top-up repays the debt first."""
    story = await story_of(paid="0.10")
    await story.start("CA1")
    await story.report("CA1", costs("llm", "0.5"))
    assert (
        await story.end("CA1", "completed", costs("llm", "0.6"))
    ).call.charge_nanos == 780_000_000
    assert await story.balances() == ("0", "-0.68", "0")

    with pytest.raises(InsufficientCredits):
        await story.start("CA2")
    await story.credit(paid="1")
    assert await story.balances() == ("0", "0.32", "0")
    await story.start("CA2")


async def test_promo_does_not_repay_an_overdraft(story_of: StoryOf) -> None:
    """Promo credited on an overdrawn account stays whole; together they decide what can start."""
    story = await story_of(paid="0.10")
    await story.call_costing("CA1", "0.1")
    await story.credit(promo="0.10")

    assert await story.balances() == ("0.1", "-0.03", "0")
    with pytest.raises(InsufficientCredits):
        await story.start("CA2")


async def test_the_hold_follows_what_the_call_costs(story_of: StoryOf) -> None:
    """Set aside is the floor, then what the call has cost; the balance itself is untouched."""
    story = await story_of(paid="1")
    await story.start("CA1")
    assert (await story.report("CA1", costs("llm", "0.05"))).held_nanos == 100_000_000
    assert (await story.report("CA1", costs("llm", "0.2"))).held_nanos == 260_000_000
    assert await story.balances() == ("0", "1", "0.26")


async def test_a_hold_may_push_startable_below_zero(story_of: StoryOf) -> None:
    """A running call that outgrows the balance is still reported, held and run to its end."""
    story = await story_of(paid="0.10")
    await story.start("CA1")
    answer = await story.report("CA1", costs("llm", "1"))

    assert (answer.available_nanos, answer.held_nanos) == (100_000_000, 1_300_000_000)


async def test_a_chat_holds_a_cent(story_of: StoryOf) -> None:
    """A chat needs the floor to start, and sets aside one cent."""
    story = await story_of(paid="0.12")
    admitted = await story.start_all(["C1", "C2", "C3", "C4"], Channel.CHAT)

    assert [isinstance(answer, Admission) for answer in admitted] == [True, True, True, False]
    assert await story.balances() == ("0", "0.12", "0.03")


async def test_a_repeated_start_is_answered_again(story: Story) -> None:
    """The same start twice holds once and tells the call's present status; other facts conflict."""
    await story.start("CA1")
    again = await story.start("CA1")
    assert (again.repeated, again.status) == (True, "live")
    assert await story.balances() == ("0.5", "5", "0.1")

    await story.end("CA1")
    assert (await story.start("CA1")).status == "ended"
    with pytest.raises(CallIdConflict):
        await story.start("CA1", Channel.WEB)


async def test_a_refused_start_is_judged_afresh(story_of: StoryOf) -> None:
    """A refusal leaves no call behind: after a top-up the same id starts."""
    story = await story_of(paid="0.05")
    with pytest.raises(InsufficientCredits):
        await story.start("CA1")
    await story.credit(paid="1")
    assert not (await story.start("CA1")).repeated


async def test_a_burst_overdraws_within_the_bound(story_of: StoryOf) -> None:
    """The overdraft is at most the sum of what each call cost beyond its hold."""
    story = await story_of(paid="0.55")
    answers = await story.start_all([f"CA{n}" for n in range(20)])
    admitted = [a.call_id for a in answers if isinstance(a, Admission)]
    await story.end_all([(i, "completed", (costs("llm", "0.25"),)) for i in admitted])

    _, paid, held = await story.balances()
    assert (paid, held) == ("-1.075", "0")
    cost_nanos, hold_nanos = 325_000_000, 100_000_000
    assert len(admitted) * (cost_nanos - hold_nanos) >= 1_075_000_000
    afters = [e.paid_after_nanos for e in await story.entries()][-len(admitted) :]
    assert all(later - earlier == -cost_nanos for earlier, later in pairwise(afters))
