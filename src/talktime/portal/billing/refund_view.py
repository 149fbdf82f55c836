"""What the refund page says: how each refund stands, in words."""

from collections.abc import Sequence
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.money import display_usd
from talktime.core.refund import PartStatus, Refund, RefundPart, RefundStatus
from talktime.portal.figures import Moment, moment, zone_of
from talktime.portal.words import counted, sentence


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    """One refund as it stands."""

    asked: Moment
    tone: str
    """done, wait, warn or stop."""
    state: str
    detail: str
    """What it means, and what comes next."""
    amount: str


class RefundPageView(msgspec.Struct, frozen=True, kw_only=True):
    """What of the refund page changes by itself."""

    refundable: str
    refundable_nanos: int
    under_way: str
    """What is being looked at or on its way, in words: the next can be asked for after it. Empty:
    nothing is."""
    rows: tuple[RefundRow, ...]

    @property
    def can_ask(self) -> bool:
        return self.refundable_nanos > 0 and not self.under_way


def refund_page_view(
    refundable_nanos: int,
    refunds: Sequence[Refund],
    direct: Sequence[RefundPart],
    account: Account,
) -> RefundPageView:
    return RefundPageView(
        refundable=display_usd(refundable_nanos),
        refundable_nanos=refundable_nanos,
        under_way=next((_under_way(one, account) for one in refunds if one.status in _OPEN), ""),
        rows=refund_rows(refunds, direct, account),
    )


def refund_rows(
    refunds: Sequence[Refund], direct: Sequence[RefundPart], account: Account
) -> tuple[RefundRow, ...]:
    """Newest first: what the customer asked for, and what the platform sent back by itself."""
    zone = zone_of(account.time_zone)
    rows = [(refund.asked_at, refund.amount_nanos, refund_state(refund)) for refund in refunds] + [
        (part.created_at, part.amount_nanos, direct_refund_state(part)) for part in direct
    ]
    rows.sort(key=lambda row: row[0], reverse=True)
    return tuple(
        RefundRow(
            asked=moment(at, zone),
            tone=state[0],
            state=state[1],
            detail=state[2],
            amount=display_usd(nanos),
        )
        for at, nanos, state in rows
    )


_OPEN: Final = frozenset({RefundStatus.ASKED, RefundStatus.RUNNING})


def _under_way(refund: Refund, account: Account) -> str:
    asked = moment(refund.asked_at, zone_of(account.time_zone))
    waits = refund.status is RefundStatus.ASKED
    return (
        f"A refund of {display_usd(refund.amount_nanos)}, asked for {asked.day}, "
        f"{'waits for an answer' if waits else 'is on its way'}."
    )


def refund_state(refund: Refund) -> tuple[str, str, str]:
    """Tone, state, and what it means."""
    if refund.status is RefundStatus.ASKED:
        return (
            "wait",
            "Waiting for an answer",
            "Somebody looks at it. Until then the money is yours to call with.",
        )
    if refund.status is RefundStatus.DECLINED:
        return "stop", "Declined", f"{quoted(refund.answer)} Nothing was taken."
    if refund.status is RefundStatus.RUNNING:
        told = (
            f"Set aside for {_cards(len(refund.parts))}; it leaves the balance once the payment "
            "provider confirms it, mostly within minutes."
        )
        return "wait", "On its way", told
    if refund.status is RefundStatus.SUCCEEDED:
        return (
            "done",
            "Sent back",
            f"To {_cards(len(refund.parts))}; a bank can take five to ten days to show it.",
        )
    came_back = any(part.reversal_seq is not None for part in refund.parts)
    gone = sum(part.amount_nanos for part in refund.parts if part.status is PartStatus.SUCCEEDED)
    why = " ".join(dict.fromkeys(quoted(part.failure) for part in refund.parts if part.failure))
    if came_back:
        why = f"It was sent, but came back. {why}"
    if gone:
        rest = display_usd(refund.amount_nanos - gone)
        return (
            "warn",
            "Sent back in part",
            f"{display_usd(gone)} went back. {why} {rest} is on your balance again.",
        )
    return "stop", "Failed", f"{why} The money is on your balance again; you can ask once more."


def direct_refund_state(part: RefundPart) -> tuple[str, str, str]:
    """The same of what was begun at the provider itself."""
    if part.status is PartStatus.SUCCEEDED:
        return "done", "Sent back", "By your platform, to the card that paid."
    if part.status is PartStatus.FAILED:
        came_back = "It was sent, but came back. " if part.reversal_seq is not None else ""
        why = f"{came_back}{quoted(part.failure)}"
        return "stop", "Failed", f"{why} The money is on your balance."
    return "wait", "On its way", "Begun by your platform; the payment provider confirms it."


def _cards(payments: int) -> str:
    if payments == 1:
        return "the card that paid"
    return f"the cards of {counted(payments, 'payment')}"


def quoted(words: str | None) -> str:
    """What a bank or an operator said, as a sentence of its own."""
    return sentence((words or "").strip().rstrip(".") or "The bank gave no reason")
