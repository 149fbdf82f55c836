"""How often somebody may guess before having to wait: a sliding window in this process's memory."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Final

from talktime.core.errors import TooManyAttempts

GUESSES_MAX: Final = 20
WINDOW: Final = timedelta(minutes=10)
WATCHED_MAX: Final = 10_000
"""Accounts remembered; beyond it, the one that guessed longest ago is forgotten."""


class GuessLimit:
    """Wrong guesses of each account within the last WINDOW."""

    __slots__ = ("_guesses",)

    def __init__(self) -> None:
        self._guesses: OrderedDict[str, deque[datetime]] = OrderedDict()

    def check(self, account_id: str, *, now: datetime) -> None:
        """Raise TooManyAttempts where the account guessed wrongly GUESSES_MAX times of late."""
        guesses = self._guesses.get(account_id)
        if guesses is None:
            return
        while guesses and guesses[0] <= now - WINDOW:
            guesses.popleft()
        if len(guesses) >= GUESSES_MAX:
            wait = guesses[0] + WINDOW - now
            raise TooManyAttempts(
                f"{GUESSES_MAX} codes were wrong in {WINDOW // timedelta(minutes=1)} minutes; "
                "wait a little, then copy the code as it was sent to you",
                retry_after=wait // timedelta(seconds=1) + 1,
                field="code",
            )

    def count(self, account_id: str, *, now: datetime) -> None:
        """Note a wrong guess."""
        guesses = self._guesses.setdefault(account_id, deque(maxlen=GUESSES_MAX))
        guesses.append(now)
        self._guesses.move_to_end(account_id)
        if len(self._guesses) > WATCHED_MAX:
            self._guesses.popitem(last=False)
