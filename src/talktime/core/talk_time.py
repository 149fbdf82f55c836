"""How long money lasts, going by what calls cost: one rule for all that tell it.

Which money and which calls, the asker decides: docs/reference.md, "Talk time left".
"""

import msgspec

from talktime.core.ratecard import Channel


def lasts_ms(spendable_nanos: int, *, charge_nanos: int, duration_ms: int) -> int | None:
    """For how long that much money lasts where calls of ``duration_ms`` in all were charged
    ``charge_nanos``. Debts last no time; None where nothing tells the pace."""
    if charge_nanos <= 0 or duration_ms <= 0:
        return None
    return max(spendable_nanos, 0) * duration_ms // charge_nanos


def spoken_duration(ms: int) -> str:
    """ "about 42 minutes", "about 3 hours", "less than a minute"."""
    minutes = ms // 60_000
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {minutes // 60:,} hours"


def spoken_chats(chats: int) -> str:
    """ "about 1 chat", "less than a chat"."""
    return f"about {chats:,} chat{'s' if chats > 1 else ''}" if chats else "less than a chat"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent's last charged calls on one channel cost and how long they took."""

    agent_id: str | None
    channel: Channel
    calls: int
    """How many they are, at least 1."""
    charge_nanos: int
    """Above 0, as is the duration."""
    duration_ms: int

    def ms_left(self, startable_nanos: int) -> int:
        """How long that many nanos last at this pace."""
        left = lasts_ms(
            startable_nanos, charge_nanos=self.charge_nanos, duration_ms=self.duration_ms
        )
        return left or 0

    def calls_left(self, startable_nanos: int) -> int:
        """For how many calls like these they last."""
        return max(startable_nanos, 0) * self.calls // self.charge_nanos
