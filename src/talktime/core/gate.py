"""What the gate sets aside for a call (R5); the admission itself is one SQL function."""

from talktime.core.ratecard import Channel

CHAT_HOLD_NANOS = 10_000_000
"""$0.01: a chat costs far less than a voice call, so less is set aside for it."""


def initial_hold(channel: Channel, floor_nanos: int) -> int:
    """What is set aside at admission: the floor; for chat $0.01, never more than the floor."""
    return min(CHAT_HOLD_NANOS, floor_nanos) if channel is Channel.CHAT else floor_nanos
