"""How one payment stands, for whoever paid by a link and may have no account here.

The address of the page is its key. It tells of the payment alone, nothing of the account.
"""

import secrets
from datetime import UTC, datetime
from typing import Final

import msgspec
from litestar import Response, get

from talktime.core.errors import PaymentUnknown
from talktime.core.money import display_usd
from talktime.core.payment import OPEN_STATUSES, Payment, PaymentStatus
from talktime.core.return_address import PAYER_PLACE, read_payer_token
from talktime.ops.top_ups import read_payment
from talktime.portal.billing.payments_view import IF_PAID
from talktime.portal.desk import Asked, desk_of
from talktime.portal.figures import clock_words


class PayerView(msgspec.Struct, frozen=True, kw_only=True):
    """The page in words."""

    tone: str
    """done, warn, stop or wait."""
    title: str
    text: str
    pay_href: str = ""
    """Where to go on paying; empty where there is nothing to pay."""
    is_watched: bool = False
    """It is looked at again by itself."""


@get(f"{PAYER_PLACE}{{token:str}}")
async def payer_page(request: Asked) -> Response[str]:
    """What became of it, as far as the payment provider has told."""
    desk = desk_of(request)
    token = str(request.path_params["token"])
    unknown = PaymentUnknown("there is no such payment")
    named = read_payer_token(token)
    if named is None:
        raise unknown
    try:
        async with desk.platform.connection() as connection:
            payment = await read_payment(connection, *named)
    except PaymentUnknown:
        # Its own words would tell strangers which payments there are.
        raise unknown from None
    asked = f"{desk.platform.public_url}{PAYER_PLACE}{token}"
    if not secrets.compare_digest((payment.return_url or "").encode(), asked.encode()):
        raise unknown
    back = str(request.query_params.get("back", ""))
    view = payer_view(payment, back=back, now=desk.now)
    return desk.pages.page("billing/payer_page.html", view=view)


def payer_view(payment: Payment, *, back: str, now: datetime) -> PayerView:
    """``back`` is what the payment page said on the way back; what counts is the payment."""
    amount = display_usd(payment.amount_nanos)
    if payment.status is PaymentStatus.SUCCEEDED:
        return PayerView(
            tone="done", title="Paid", text=f"{amount} has arrived. You can close this page."
        )
    if payment.status not in OPEN_STATUSES:
        has_failed = payment.status is PaymentStatus.FAILED
        return PayerView(
            tone="stop" if has_failed else "warn",
            title="The payment failed" if has_failed else "The time to pay is over",
            text=f"{amount} was not paid. {_AGAIN}",
        )
    if back == "paid" or now >= payment.expires_at:
        said = f"The payment page says that you have paid {amount}. " if back == "paid" else ""
        return PayerView(
            tone="wait",
            title="Not yet confirmed",
            text=f"{said}{_COMING}",
            is_watched=back == "paid" and now < payment.expires_at,
        )
    until = f"{clock_words(payment.expires_at, UTC, now=now)} UTC"
    tone, title, text = "wait", "Not yet confirmed", f"{IF_PAID} Otherwise it can be paid"
    if payment.failure is not None:
        tone, title, text = "stop", "Declined", "Nothing was charged. You can try another card"
    elif back == "canceled":
        tone, title, text = "warn", "Canceled", "Nothing was charged. You can still pay"
    return PayerView(
        tone=tone,
        title=title,
        text=f"{text} until {until}.",
        pay_href=payment.checkout_url or "",
    )


_AGAIN: Final = "To pay all the same, ask for a new link where this one came from."
_COMING: Final = (
    "The payment provider confirms it, usually within seconds; some banks take days. Do not pay "
    "again. You need not wait here."
)

HANDLERS: Final = (payer_page,)
