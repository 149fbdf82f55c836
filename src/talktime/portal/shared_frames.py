"""What one change looks like on open pages of one kind, written once for all that show it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from talktime.ops.live_events import LiveEvent

KEPT_MAX: Final = 512
"""Changes times kinds of page; those of the last few seconds are all that anybody asks for."""


class SharedFrames:
    """Frames by the event they tell and the kind of page they are for; one per process.

    The feed hands the same event to every page of an account, so that twenty open pages cost the
    readings and the rendering of one.
    """

    def __init__(self) -> None:
        # The event is kept with its frames: while it is, no other object can have its id.
        self._kept: dict[tuple[int, Hashable], tuple[LiveEvent, asyncio.Future[list[str]]]] = {}

    async def frames(
        self, event: LiveEvent, kind: Hashable, write: Callable[[], Awaitable[list[str]]]
    ) -> list[str]:
        """What ``write`` makes of the event for pages of this kind, made by whoever asks first.

        ``kind`` has to hold everything that the frames depend on besides the event.
        """
        key = (id(event), kind)
        found = self._kept.get(key)
        if found is None:
            while len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            found = self._kept[key] = (event, asyncio.ensure_future(write()))
        # A page that is closed meanwhile must not take the frames away from the others.
        return await asyncio.shield(found[1])
