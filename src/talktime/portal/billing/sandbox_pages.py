"""The sandbox provider's own checkout page, on which a person plays the bank."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Redirect

from talktime.core.errors import InvalidInput, NotFound
from talktime.core.money import NANOS_PER_USD, display_usd
from talktime.db.sandbox_checkouts import SandboxPage
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.rendering import PAGE_HEADERS
from talktime.portal.visiting import form_fields

LATE_SECONDS: Final = 10.0
DECLINED: Final = "Your card was declined."
NOT_AUTHENTICATED: Final = "The bank could not make sure that it is you."

_PLACE: Final = "/sandbox/checkout/{account_id:str}/{checkout_id:str}"


@get(_PLACE)
async def checkout(request: Asked) -> Response[str]:
    """The page on which a sandbox payment is made."""
    desk = desk_of(request)
    return _shown(desk, await _page(request, _sandbox(desk)), step="choose")


@post(_PLACE)
async def choose(request: Asked) -> Response[Any]:
    """What the bank says."""
    desk = desk_of(request)
    sandbox = _sandbox(desk)
    page = await _page(request, sandbox)
    choice = (await form_fields(request)).get("choice", "")
    if page.status == "paid" and choice in _LATER:
        return await _later(desk, sandbox, page, choice)
    if page.status != "open":
        return _shown(desk, page, step="closed")
    if choice == "challenge":
        return _shown(desk, page, step="challenge")
    if choice in {"decline", "challenge_failed"}:
        reason = DECLINED if choice == "decline" else NOT_AUTHENTICATED
        await sandbox.decline(page, reason)
        return _shown(desk, page, step="choose", declined=reason)
    if choice not in _WAYS:
        raise InvalidInput("that is none of the choices of this page", field="choice")
    after_seconds, times = _WAYS[choice]
    await sandbox.pay(page, after_seconds=after_seconds, times=times)
    if not page.success_url.startswith(f"{desk.platform.public_url}/"):
        # A form's answer may not lead elsewhere; the link on our page may.
        return _shown(desk, await _page(request, sandbox), step="closed")
    return Redirect(page.success_url, status_code=303, headers=dict(PAGE_HEADERS))


_WAYS: Final = {
    "pay": (0.0, 1),
    "pay_late": (LATE_SECONDS, 1),
    "pay_twice": (0.0, 2),
    "pay_silent": (0.0, 0),
}
"""How long after the payment its notice comes, and how often."""


_LATER: Final = {
    "refund_dollar": "The refund is on its way; its notice comes in a second.",
    "send_back": "The last refund came back; the notice of it is sent.",
    "dispute": "The bank has taken the payment back; the notice of it is sent.",
    "dispute_won": "The bank has given the payment again; the notice of it is sent.",
}
"""What can become of a payment, and what the page then says."""


async def _later(
    desk: Desk, sandbox: SandboxPayments, page: SandboxPage, choice: str
) -> Response[str]:
    try:
        if choice == "refund_dollar":
            await sandbox.refunds.refund_here(page, NANOS_PER_USD)
        elif choice == "send_back":
            await sandbox.refunds.send_back(page)
        else:
            await sandbox.refunds.dispute(page, won=choice == "dispute_won")
    except InvalidInput as error:
        return _shown(desk, page, step="closed", refused=error.message)
    return _shown(desk, page, step="closed", told=_LATER[choice])


def _sandbox(desk: Desk) -> SandboxPayments:
    payments = desk.platform.payments
    if payments is None or not isinstance(payments.provider, SandboxPayments):
        raise NotFound("there is no sandbox here")
    return payments.provider


async def _page(request: Asked, sandbox: SandboxPayments) -> SandboxPage:
    names = request.path_params["account_id"], request.path_params["checkout_id"]
    if not all(name.isprintable() for name in names):
        raise NotFound("the sandbox has no such checkout page")
    return await sandbox.page(*names)


def _shown(
    desk: Desk,
    page: SandboxPage,
    *,
    step: str,
    declined: str = "",
    told: str = "",
    refused: str = "",
) -> Response[str]:
    return desk.pages.page(
        "sandbox/checkout.html",
        step=step if page.status == "open" else "closed",
        status=page.status,
        amount=display_usd(page.amount_nanos),
        action="",
        success_url=page.success_url,
        cancel_url=page.cancel_url,
        declined=declined,
        told=told,
        refused=refused,
    )


HANDLERS: Final = (checkout, choose)
