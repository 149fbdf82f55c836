"""How many open pages of one session listen at once; each costs memory and a query now and then."""

from collections import Counter
from collections.abc import AsyncGenerator
from typing import Final

from talktime.core.errors import TooManyAttempts

STREAMS_MAX: Final = 20
"""Of one session."""
AGAIN_SECONDS: Final = 30


class OpenStreams:
    """The streams of this process, counted by session."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def check(self, session_id: str) -> None:
        """Raise TooManyAttempts where a session has STREAMS_MAX streams."""
        if self._open[session_id] >= STREAMS_MAX:
            raise TooManyAttempts(
                f"{STREAMS_MAX} pages are open in this browser, and no more are kept up to date; "
                "close some of them",
                retry_after=AGAIN_SECONDS,
            )

    async def counted(
        self, session_id: str, body: AsyncGenerator[str, None]
    ) -> AsyncGenerator[str, None]:
        """The stream's body, counted while it lasts; nothing for one too many."""
        # Many may have been asked for at once, before any of them was counted.
        if self._open[session_id] >= STREAMS_MAX:
            await body.aclose()
            return
        self._open[session_id] += 1
        try:
            async for text in body:
                yield text
        finally:
            await body.aclose()
            self._open[session_id] -= 1
            if not self._open[session_id]:
                del self._open[session_id]
