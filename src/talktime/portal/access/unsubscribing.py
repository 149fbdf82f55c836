"""Ending a kind of mail from the mail itself, without signing in (RFC 8058)."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException

from talktime.core.member import MailKind
from talktime.core.unsubscribing import BROUGHT
from talktime.ops.unsubscribing import end_choice, read_choice
from talktime.portal.desk import Asked, desk_of


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What ending a choice is called, and what it means."""

    title: str
    asks: str
    means: str
    done: str


ENDINGS: Final[Mapping[MailKind, Ending]] = {
    MailKind.ALERTS: Ending(
        title="Alerts",
        asks="Stop all alerts?",
        means=f"No mail will tell you of any of these: {BROUGHT[MailKind.ALERTS]}. Calls are "
        "refused all the same once the balance is used up.",
        done="No more alerts",
    ),
    MailKind.MONEY_IN: Ending(
        title="Mail about money in",
        asks="Stop all mail about money in?",
        means=f"No mail will tell you of any of these: {BROUGHT[MailKind.MONEY_IN]}. Receipts and "
        "statements stay on Billing.",
        done="No more mail about money in",
    ),
    MailKind.WEEKLY: Ending(
        title="Weekly summary",
        asks="Stop the weekly summary?",
        means=f"No mail will tell you {BROUGHT[MailKind.WEEKLY]}.",
        done="No more weekly summaries",
    ),
}


@get("/unsubscribe")
async def ask_to_unsubscribe(request: Asked) -> Response[Any]:
    """Asks first: what scans mail opens its links, and must not end anything."""
    desk = desk_of(request)
    account_id, message_id, token = _link_of(request)
    async with desk.platform.connection() as connection:
        address, choice = await read_choice(connection, account_id, message_id, token=token)
    return desk.pages.page(
        "access/unsubscribe.html",
        asked=str(request.url.query),
        address=address,
        ending=ENDINGS[choice],
    )


@post("/unsubscribe", status_code=200)
async def unsubscribe(request: Asked) -> Response[Any]:
    """Whoever has the mail may end it; its link says who, so no session is needed."""
    desk = desk_of(request)
    account_id, message_id, token = _link_of(request)
    async with desk.platform.connection() as connection:
        address, choice = await end_choice(connection, account_id, message_id, token=token)
    return desk.pages.page(
        "access/unsubscribe.html", asked=None, address=address, ending=ENDINGS[choice]
    )


def _link_of(request: Asked) -> tuple[str, UUID, str]:
    """Account, message and token of a mail's link. Raises NotFoundException."""
    asked = request.query_params
    try:
        message_id = UUID(asked.get("message", ""))
    except ValueError as error:
        raise NotFoundException from error
    return asked.get("account", ""), message_id, asked.get("token", "")


HANDLERS: Final = (ask_to_unsubscribe, unsubscribe)
