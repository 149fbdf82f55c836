"""Running calls as this process last saw them, so that a report or an end need not read them first.

What is remembered may be out of date: another process may have moved the call. That costs nothing
but time, for a decision is written only where the revision it was made from still stands, and a
refusal is believed only when it was made from what the database has.
"""

from talktime.core.call import Call, Status

KNOWN_MAX = 10_000
"""Calls; the one not heard of for longest goes first."""

CallKey = tuple[str, str]
"""(account_id, call_id)"""


class KnownCalls:
    """A bounded memory of running calls, by (account_id, call_id)."""

    def __init__(self, most: int = KNOWN_MAX) -> None:
        self._most = most
        self._calls: dict[CallKey, Call] = {}

    def get(self, key: CallKey) -> Call | None:
        return self._calls.get(key)

    def take(self, call: Call) -> None:
        """Remember a call as it was just written; one that has ended is forgotten."""
        known = self._calls
        known.pop(call.key, None)
        if call.status is Status.LIVE:
            while len(known) >= self._most:
                del known[next(iter(known))]
            known[call.key] = call

    def forget(self, key: CallKey) -> bool:
        """Forget a call; whether it was known."""
        return self._calls.pop(key, None) is not None
