"""What the Payments page says: how each payment stands, in words, and the months of statements."""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from typing import Final
from urllib.parse import quote

import msgspec

from talktime.core.account import Account
from talktime.core.money_move import MoneyMove, MoveKind
from talktime.core.payment import OPEN_STATUSES, Payment, PaymentOrigin, PaymentStatus
from talktime.core.refund import PartStatus, Refund, RefundPart, RefundStatus
from talktime.portal.billing.refund_view import direct_refund_state, refund_state
from talktime.portal.figures import (
    MONTHS,
    Moment,
    Money,
    clock_words,
    moment,
    signed_money,
    zone_of,
)


class MoveRow(msgspec.Struct, frozen=True, kw_only=True):
    """One top-up, refund or chargeback as it stands."""

    row_id: str
    href: str
    """Its own page; empty where it has none."""
    begun: Moment
    name: str
    """What it is."""
    tone: str
    """done, wait, warn or stop."""
    state: str
    """What became of it, in a few words."""
    detail: str
    """Why, and what comes next."""
    receipts: tuple[str, ...]
    """Where they are, one for each entry."""
    amount: Money
    course: str
    """moved, open, or void where it came to nothing."""


class MonthRow(msgspec.Struct, frozen=True, kw_only=True):
    """A month with a statement."""

    name: str
    is_over: bool
    href: str
    pdf_href: str


def move_row(move: MoneyMove, account: Account, *, now: datetime, base: str) -> MoveRow:
    standing = _standing(move, account, now, base)
    return MoveRow(
        row_id=f"move-{move.kind}-{move.ref}",
        begun=moment(move.moved_at, zone_of(account.time_zone)),
        href=standing.href,
        name=standing.name,
        tone=standing.state[0],
        state=standing.state[1],
        detail=standing.state[2],
        receipts=tuple(f"{base}/billing/receipts/{seq}" for seq in standing.receipts),
        amount=signed_money(standing.amount_nanos),
        course=standing.course,
    )


def month_rows(months: Sequence[date], *, base: str) -> tuple[MonthRow, ...]:
    """This month first."""
    return tuple(
        MonthRow(
            name=month_words(month),
            is_over=nth > 0,
            href=f"{base}/billing/statements/{month:%Y-%m}",
            pdf_href=f"{base}/billing/statements/{month:%Y-%m}/pdf",
        )
        for nth, month in enumerate(months)
    )


def month_words(month: date) -> str:
    return f"{MONTHS[month.month - 1]} {month.year}"


class _Standing(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: tuple[str, str, str]
    """Tone, state and what is to be said of it."""
    amount_nanos: int
    """In is positive, out negative."""
    receipts: tuple[int, ...] = ()
    """The entries that have one."""
    href: str = ""
    course: str = "moved"


def _standing(move: MoneyMove, account: Account, now: datetime, base: str) -> _Standing:
    about = move.about
    if isinstance(about, Payment):
        by_itself = about.origin is PaymentOrigin.AUTO_RELOAD
        return _Standing(
            name="Auto-reload" if by_itself else "Top-up",
            state=payment_state(about, zone_of(account.time_zone), now=now),
            amount_nanos=about.amount_nanos,
            receipts=() if about.entry_seq is None else (about.entry_seq,),
            href=f"{base}/billing/top-up/{quote(about.payment_id, safe='')}",
            course=_course(about.status is PaymentStatus.SUCCEEDED, about.status in OPEN_STATUSES),
        )
    if isinstance(about, Refund):
        return _Standing(
            name="Refund",
            state=refund_state(about),
            amount_nanos=-about.amount_nanos,
            receipts=_receipts(about.parts),
            course=_course(
                about.status in {RefundStatus.SUCCEEDED, RefundStatus.PARTLY},
                about.status in {RefundStatus.ASKED, RefundStatus.RUNNING},
            ),
        )
    if isinstance(about, RefundPart):
        return _Standing(
            name="Refund",
            state=direct_refund_state(about),
            amount_nanos=-about.amount_nanos,
            receipts=_receipts([about]),
            course=_course(
                about.status is PartStatus.SUCCEEDED, about.status is not PartStatus.FAILED
            ),
        )
    is_taken = move.kind is MoveKind.CHARGEBACK
    return _Standing(
        name="Chargeback" if is_taken else "Chargeback reversed",
        state=_TAKEN if is_taken else _GIVEN_AGAIN,
        amount_nanos=about.amount_nanos,
    )


def _course(has_moved: bool, is_open: bool) -> str:
    return "moved" if has_moved else "open" if is_open else "void"


def _receipts(parts: Sequence[RefundPart]) -> tuple[int, ...]:
    return tuple(part.entry_seq for part in parts if part.entry_seq is not None)


_TAKEN: Final = (
    "stop",
    "Taken back by the bank",
    "Somebody disputed the payment at the bank of the card. The money left your paid balance.",
)
_GIVEN_AGAIN: Final = (
    "done",
    "Given back",
    "The dispute was decided for this payment: the money is on your paid balance again.",
)


IF_PAID: Final = "If you have paid, do not pay again: it is credited once that is confirmed."


def payment_state(payment: Payment, zone: tzinfo, *, now: datetime) -> tuple[str, str, str]:
    """Tone, state and what is to be said of it, with times of this zone."""
    why = f"{payment.failure.rstrip('.')}. " if payment.failure else ""
    if payment.status in OPEN_STATUSES:
        tone, state, detail = _open_state(payment, zone, now)
        return tone, state, why + detail
    if payment.status is PaymentStatus.SUCCEEDED:
        played = " It was played: no money was paid." if payment.provider == "sandbox" else ""
        return "done", "Credited", f"On your paid balance.{played}"
    if payment.status is PaymentStatus.FAILED:
        return "stop", "Failed", f"{why}Nothing was credited."
    return "warn", "Expired", f"{why}Nobody paid in time, and nothing was charged."


def _open_state(payment: Payment, zone: tzinfo, now: datetime) -> tuple[str, str, str]:
    until = clock_words(payment.expires_at, zone, now=now)
    if payment.needs_customer and now < payment.expires_at:
        asks = "" if payment.failure else "Your bank wants you to confirm it. "
        return "warn", "Waiting for you", f"{asks}Confirm it while you pay, until {until}."
    if payment.origin is not PaymentOrigin.CHECKOUT and not payment.needs_customer:
        return "wait", "Being charged", "Your saved card is charged automatically."
    if now >= payment.expires_at:
        asked = (
            "The time to pay is over. We ask the payment provider how it ended; the answer is "
            "here within minutes, and within three days at the latest."
        )
        return "wait", "Being asked about", asked
    if payment.failure is not None:
        return "stop", "Declined", f"It can be tried again until {until}."
    # Who has paid reads this too, until the provider's word is here.
    return "wait", "Not confirmed yet", f"{IF_PAID} Otherwise it can be paid until {until}."
