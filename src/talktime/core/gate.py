"""The gate's rules (R5) and the bound they give; the admission itself is one SQL function."""

from collections.abc import Iterable

from talktime.core.ratecard import Channel

CHAT_HOLD_NANOS = 10_000_000
"""$0.01: a chat costs far less than a voice call, so less is set aside for it."""


def initial_hold(channel: Channel, floor_nanos: int) -> int:
    """What is set aside at admission: the floor; for chat $0.01, never more than the floor."""
    return min(CHAT_HOLD_NANOS, floor_nanos) if channel is Channel.CHAT else floor_nanos


def overdraft_bound(calls: Iterable[tuple[int, int]]) -> int:
    """The most an account can end below zero: the sum of max(0, charge - hold) over live calls.

    ``calls`` are (final charge, hold when the last call was admitted) in nanos.
    """
    return sum(max(0, charge - hold) for charge, hold in calls)
