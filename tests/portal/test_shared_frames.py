"""Open pages of one kind are told of a change in the same words."""

import asyncio

from talktime.ops.live_events import LiveEvent, Reset
from talktime.portal.shared_frames import KEPT_MAX, SharedFrames


class Writer:
    """Writes frames for an event, slowly, and counts how often."""

    def __init__(self, event: LiveEvent) -> None:
        self.event = event
        self.times = 0

    async def __call__(self) -> list[str]:
        self.times += 1
        await asyncio.sleep(0.01)
        return [f"{self.event.event_seq}"]


async def test_a_change_is_written_once_for_pages_of_a_kind() -> None:
    """Twenty pages that are told the same event at once cost one writing, other kinds their own."""
    shared, event = SharedFrames(), Reset(event_seq=7)
    write = Writer(event)
    told = await asyncio.gather(*[shared.frames(event, "billing", write) for _ in range(20)])
    assert told == [["7"]] * 20
    assert write.times == 1
    await shared.frames(event, "calls", write)
    assert write.times == 2


async def test_a_page_that_closes_leaves_the_frames_to_the_others() -> None:
    """When the page that asked first goes away, the others are told all the same."""
    shared, event = SharedFrames(), Reset(event_seq=7)
    write = Writer(event)
    first = asyncio.create_task(shared.frames(event, "billing", write))
    await asyncio.sleep(0)
    first.cancel()
    assert await shared.frames(event, "billing", write) == ["7"]
    assert write.times == 1


async def test_what_is_kept_is_bounded_and_never_another_events() -> None:
    """However many events there were, each page is told its own, and few are kept."""
    shared = SharedFrames()
    for number in range(3 * KEPT_MAX):
        event = Reset(event_seq=number)

        async def write(number: int = number) -> list[str]:
            return [str(number)]

        assert await shared.frames(event, "billing", write) == [str(number)]
    assert len(shared._kept) == KEPT_MAX
