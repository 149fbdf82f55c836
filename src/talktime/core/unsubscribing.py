"""Ending a kind of mail from the mail itself, without signing in: of which kinds, by what link.

Mail that the contract wants (receipts, refunds, what a bank or a card needs) has no such link: who
does not want it says so in Settings, where it says what that means.

A link ends the whole choice that brought its mail, which may bring mail of the contract besides. So
the mail names all of it beside the link, and the page behind the link does before it ends anything.
The button that mail programs show (RFC 8058) asks and says nothing: only mail of a choice that
brings nothing of the contract has it.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from talktime.core.member import MailKind
from talktime.core.message import CHOSEN_AS, Message, MessageKind

ENDED_BY_MAIL: Final = frozenset(
    {
        MessageKind.WELCOME,
        MessageKind.COUPON_REDEEMED,
        MessageKind.BELOW_WARNING,
        MessageKind.BELOW_FLOOR,
        MessageKind.ENDPOINT_DISABLED,
        MessageKind.STATEMENT_READY,
        MessageKind.WEEKLY_SUMMARY,
    }
)

ONE_CLICK: Final = frozenset(MailKind) - {
    choice for kind, choice in CHOSEN_AS.items() if kind not in ENDED_BY_MAIL
}
"""Choices that a mail program's button may end."""

BROUGHT: Final[Mapping[MailKind, str]] = {
    MailKind.ALERTS: "a low balance, auto-reload that failed or stopped, a payment that a bank "
    "took back, and a card, a bank or a webhook that needs you",
    MailKind.MONEY_IN: "bonuses, coupons, top-ups and auto-reloads, refunds and what became of "
    "them, settled disputes, and monthly statements",
    MailKind.WEEKLY: "what the week cost, on Mondays",
}
"""All that a choice brings mail of, for whoever is about to end it."""

UNSUBSCRIBE_KEY: Final = "unsubscribe_key"
"""The fact of such a message that its readers' links are made with; nobody is shown it."""


def unsubscribe_link(message: Message, *, public_url: str) -> str:
    """Where the choice that brought a message is ended; '' where its mail has no link."""
    if UNSUBSCRIBE_KEY not in message.facts:
        return ""
    asked = {
        "account": message.account_id,
        "message": str(message.message_id),
        "token": _token(message),
    }
    return f"{public_url}/unsubscribe?{urlencode(asked)}"


def may_unsubscribe(message: Message, token: str) -> bool:
    """Whether a token came with this message's mail, and with no other reader's."""
    return UNSUBSCRIBE_KEY in message.facts and hmac.compare_digest(
        _token(message).encode(), token.encode()
    )


def _token(message: Message) -> str:
    key = message.facts[UNSUBSCRIBE_KEY].encode()
    return hmac.new(key, message.message_id.bytes, sha256).hexdigest()
