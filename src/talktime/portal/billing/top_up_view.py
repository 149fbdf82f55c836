"""What the top-up pages say: how a payment stands, in words."""

from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from talktime.core.account import Account
from talktime.core.money import display_usd
from talktime.core.payment import OPEN_STATUSES, Payment, PaymentOrigin, PaymentStatus
from talktime.portal.billing.payments_view import IF_PAID
from talktime.portal.figures import clock_words, zone_of


class TopUpView(msgspec.Struct, frozen=True, kw_only=True):
    """One top-up as its page tells it."""

    tone: str
    """done, warn, stop or wait."""
    title: str
    text: str
    amount: str
    pay_href: str = ""
    """Where to go on paying; empty where there is nothing to pay."""
    can_start_over: bool = False
    receipt_href: str = ""
    """Empty where nothing was paid."""


def top_up_view(
    payment: Payment, account: Account, *, back: str, now: datetime, base: str
) -> TopUpView:
    """``back`` is what the provider's page said on the way back; what counts is the payment."""
    amount = display_usd(payment.amount_nanos)
    if payment.status not in OPEN_STATUSES:
        return _settled_view(payment, account, amount, base)
    is_late = now >= payment.expires_at
    if back == "paid" or is_late:
        said = "The payment page says that you have paid. " if back == "paid" else ""
        return TopUpView(
            tone="wait",
            title="Waiting for the confirmation" if back == "paid" else "The time to pay is over",
            text=f"{said}{_ASKED if is_late else _COMING}",
            amount=amount,
        )
    if payment.origin is PaymentOrigin.AUTO_RELOAD and not payment.needs_customer:
        return TopUpView(
            tone="wait",
            title="Your saved card is being charged",
            text="Auto-reload began this payment. It is credited once the bank has confirmed it.",
            amount=amount,
        )
    until = clock_words(payment.expires_at, zone_of(account.zone_at(now)), now=now)
    # Who has paid reads this too, until the provider's word is here.
    tone, title = "wait", "Not confirmed yet"
    text = f"{IF_PAID} Otherwise it can be paid until {until}."
    if payment.needs_customer:
        tone, title = "warn", "Your bank wants you to confirm this payment"
        text = f"Nothing was charged. Confirm it while you pay, until {until}."
    elif payment.failure is not None:
        tone, title = "stop", "The payment was declined"
        text = f"Nothing was charged. You can try another card until {until}."
    elif back == "canceled":
        tone, title = "warn", "Not paid yet"
        text = f"Nothing was charged. You can still pay, or leave it: at {until} it ends by itself."
    return TopUpView(
        tone=tone,
        title=title,
        text=f"{_reason(payment)}{text}",
        amount=amount,
        pay_href=f"{base}/billing/top-up/{quote(payment.payment_id, safe='')}/pay"
        if payment.checkout_url is not None
        else "",
    )


_COMING: Final = (
    "Your balance moves when the payment provider confirms it, usually within seconds; some banks "
    "take days. You need not wait here, and do not pay again."
)
_ASKED: Final = (
    "We ask the payment provider how it ended; the answer is here within minutes, and within three "
    "days at the latest. Do not pay again before that."
)


def _settled_view(payment: Payment, account: Account, amount: str, base: str) -> TopUpView:
    if payment.status is PaymentStatus.SUCCEEDED:
        available = display_usd(account.available_nanos)
        return TopUpView(
            tone="done",
            title=f"{amount} has arrived",
            text=f"It was put on your paid balance. Available now: {available}.",
            amount=amount,
            receipt_href=f"{base}/billing/receipts/{payment.entry_seq}",
        )
    has_expired = payment.status is PaymentStatus.EXPIRED
    return TopUpView(
        tone="warn" if has_expired else "stop",
        title="This top-up has expired" if has_expired else "The payment failed",
        text=f"{_reason(payment)}Nothing was credited. You can start over.",
        amount=amount,
        can_start_over=True,
    )


def _reason(payment: Payment) -> str:
    return f"{payment.failure.rstrip('.')}. " if payment.failure else ""
