"""Stories of R7: one message each time the available balance falls through a threshold."""

from random import Random

from tests.scenarios.story import Story, StoryOf, costs

THRESHOLDS = {"balance.below_warning": 1_000_000_000, "balance.below_floor": 100_000_000}


async def alerts(story: Story) -> list[str]:
    return [kind for kind, _ in await story.told() if kind.startswith("balance.")]


async def test_a_burst_crosses_each_threshold_once(story_of: StoryOf) -> None:
    """Fifty settlements of one batch fall through $1.00 and $0.10 once each, in order."""
    story = await story_of(paid="5.1")
    ids = [f"CA{n}" for n in range(50)]
    await story.start_all(ids)
    await story.end_all([(i, "completed", (costs("llm", "0.08"),)) for i in ids])

    assert await alerts(story) == ["balance.below_warning", "balance.below_floor"]


async def test_one_debit_may_cross_both(story_of: StoryOf) -> None:
    """A dear call that falls through both thresholds tells both, the warning first."""
    story = await story_of(paid="2")
    await story.call_costing("CA1", "1.5")
    assert await alerts(story) == ["balance.below_warning", "balance.below_floor"]


async def test_back_above_arms_again(story_of: StoryOf) -> None:
    """Falling, rising and falling again tells twice; staying below tells nothing more."""
    story = await story_of(paid="1.05")
    await story.call_costing("CA1", "0.1")
    await story.call_costing("CA2", "0.1")
    assert await alerts(story) == ["balance.below_warning"]
    await story.credit(paid="1")
    await story.call_costing("CA3", "0.9")
    assert await alerts(story) == ["balance.below_warning"] * 2


async def test_exactly_at_the_threshold_is_not_below(story_of: StoryOf) -> None:
    """$0.10 left is enough to call, so nobody is alarmed."""
    story = await story_of(paid="0.23")
    await story.call_costing("CA1", "0.1")
    assert (await story.balances())[1] == "0.1"
    assert await alerts(story) == []


async def test_what_is_told_is_what_the_entries_crossed(story_of: StoryOf) -> None:
    """Over any ups and downs, by calls and by corrections, the alerts are those of the rule."""
    dice = Random(20261123)
    story = await story_of(paid="1.5")
    for n in range(40):
        if (await story.entries())[-1].available_after_nanos < 200_000_000 or dice.random() < 0.3:
            amount = dice.choice(["0.05", "0.4", "1.1", "-0.3"])
            await story.credit(paid=amount)
        else:
            await story.call_costing(f"CA{n}", dice.choice(["0.02", "0.2", "0.7"]))

    expected = [
        kind
        for entry in await story.entries()
        for kind, threshold in THRESHOLDS.items()
        if entry.available_after_nanos - entry.amount_nanos
        >= threshold
        > entry.available_after_nanos
    ]
    assert len(expected) > 5
    assert await alerts(story) == expected
