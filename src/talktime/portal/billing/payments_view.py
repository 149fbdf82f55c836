"""What the Payments page says: how each top-up stands, in words, and the months with statements."""

from collections.abc import Sequence
from datetime import date, datetime
from urllib.parse import quote

import msgspec

from talktime.core.account import Account
from talktime.core.money import display_usd
from talktime.core.payment import OPEN_STATUSES, Payment, PaymentOrigin, PaymentStatus
from talktime.portal.figures import MONTHS, Moment, moment, zone_of


class PaymentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One top-up as it stands."""

    payment_id: str
    href: str
    """Its own page."""
    begun: Moment
    tone: str
    """done, wait, warn or stop."""
    state: str
    """What became of it, in a few words."""
    detail: str
    """Why, and what comes next."""
    receipt_href: str
    """Empty where nothing was paid."""
    amount: str


class MonthRow(msgspec.Struct, frozen=True, kw_only=True):
    """A month with a statement."""

    name: str
    is_over: bool
    href: str
    pdf_href: str


def payment_row(payment: Payment, account: Account, *, now: datetime, base: str) -> PaymentRow:
    tone, state, detail = _state(payment, account, now)
    return PaymentRow(
        payment_id=payment.payment_id,
        href=f"{base}/billing/top-up/{quote(payment.payment_id, safe='')}",
        begun=moment(payment.created_at, zone_of(account.time_zone)),
        tone=tone,
        state=state,
        detail=detail,
        receipt_href=""
        if payment.entry_seq is None
        else f"{base}/billing/receipts/{payment.entry_seq}",
        amount=display_usd(payment.amount_nanos),
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


def _state(payment: Payment, account: Account, now: datetime) -> tuple[str, str, str]:
    """Tone, state and what is to be said of it."""
    why = f"{payment.failure.rstrip('.')}. " if payment.failure else ""
    if payment.status in OPEN_STATUSES:
        tone, state, detail = _open_state(payment, account, now)
        return tone, state, why + detail
    if payment.status is PaymentStatus.SUCCEEDED:
        played = " It was played: no money was paid." if payment.provider == "sandbox" else ""
        return "done", "Credited", f"On your paid balance.{played}"
    if payment.status is PaymentStatus.FAILED:
        return "stop", "Failed", f"{why}Nothing was credited."
    return "warn", "Expired", f"{why}Nobody paid in time, and nothing was charged."


def _open_state(payment: Payment, account: Account, now: datetime) -> tuple[str, str, str]:
    if payment.needs_customer:
        return "warn", "Waiting for you", "Your bank wants you to confirm it: go on to pay."
    if payment.origin is not PaymentOrigin.CHECKOUT:
        return "wait", "Being charged", "Your saved card is charged automatically."
    if now >= payment.expires_at:
        asked = (
            "The time to pay is over. We ask the payment provider how it ended; the answer is "
            "here within minutes, and within three days at the latest."
        )
        return "wait", "Being asked about", asked
    until = moment(payment.expires_at, zone_of(account.time_zone)).clock
    if payment.failure is not None:
        return "stop", "Declined", f"It can be tried again until {until}."
    return "wait", "Not paid yet", f"Nothing was charged. It can be paid until {until}."
