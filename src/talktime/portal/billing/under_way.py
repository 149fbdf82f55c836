"""One quiet line of Billing: what is under way between the account and its cards."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from talktime.core.money import display_usd
from talktime.core.money_move import NEEDS_ACTION, MoveKind, OpenMove, OpenState


class UnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """What is under way, in a line."""

    tone: str
    """wait or warn."""
    text: str
    rest: str
    """What else there is to say, where there is room for it."""
    href: str
    link: str
    """What the way there is called."""


def under_way(moves: Sequence[OpenMove], *, base: str, may_spend: bool) -> UnderWay | None:
    """What needs the customer comes first, and of that the newest; ``moves`` are newest first.
    None: nothing is.

    Who may not spend can open no refund page and confirm nothing: they are led to where it is told.
    """
    if not moves:
        return None
    first = min(moves, key=_rank)
    amount = display_usd(first.amount_nanos)
    text, rest, link = (words.format(amount=amount) for words in _LINES[first.state])
    href = f"{base}/billing/payments"
    if first.state in _RELOAD:
        href = f"{base}/billing/auto-reload"
    elif first.kind is MoveKind.TOP_UP:
        href = f"{base}/billing/top-up/{quote(first.ref, safe='')}"
    elif first.kind is MoveKind.REFUND and may_spend:
        href = f"{base}/billing/refund"
    if not may_spend:
        link = "See it"
    if len(moves) > 1:
        rest = f"{rest} And {len(moves) - 1} more"
        href, link = f"{base}/billing/payments", "See all"
    return UnderWay(
        tone="warn" if first.state in NEEDS_ACTION else "wait",
        text=text,
        rest=rest,
        href=href,
        link=link,
    )


def _rank(move: OpenMove) -> int:
    return -1 if move.state in NEEDS_ACTION else _ORDER.index(move.state)


_ORDER: Final = tuple(OpenState)
_RELOAD: Final = frozenset({OpenState.RELOAD_FAILED, OpenState.RELOAD_STOPPED})
_LINES: Final = {
    OpenState.NEEDS_CUSTOMER: (
        "Your bank wants to hear you about {amount}",
        "Nothing is charged before you confirm it.",
        "Confirm",
    ),
    OpenState.DECLINED: (
        "Your card was declined for {amount}",
        "Nothing was charged; another card can be tried.",
        "Try again",
    ),
    OpenState.RELOAD_FAILED: (
        "Auto-reload could not charge {amount}",
        "Your card was not charged; it is tried again.",
        "See why",
    ),
    OpenState.RELOAD_STOPPED: (
        "Auto-reload has stopped",
        "Your card could not be charged {amount}.",
        "See why",
    ),
    OpenState.UNPAID: (
        "A top-up of {amount} is not confirmed yet",
        "It is credited when the payment provider says that it is paid.",
        "See it",
    ),
    OpenState.LATE: (
        "How the top-up of {amount} ended is being asked",
        "The time to pay is over, and nothing was heard of it yet.",
        "See it",
    ),
    OpenState.CHARGING: (
        "{amount} is on its way",
        "Auto-reload charges your saved card.",
        "See it",
    ),
    OpenState.SENDING: (
        "A refund of {amount} is being sent",
        "It leaves the balance when the payment provider confirms it.",
        "See it",
    ),
    OpenState.ASKED: (
        "A refund of {amount} is asked for",
        "Somebody looks at it.",
        "See it",
    ),
}
