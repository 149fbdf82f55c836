"""Ending a kind of mail from the mail itself, without signing in: of which kinds, by what link.

Mail that the contract wants (receipts, refunds, what a bank or a card needs) has no such link: who
does not want it says so in Settings, where it says what that means.
"""

import hmac
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from talktime.core.message import Message, MessageKind

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

UNSUBSCRIBE_KEY: Final = "unsubscribe_key"
"""The fact of such a message that its readers' links are made with; nobody is shown it."""


def unsubscribe_link(message: Message, *, public_url: str) -> str:
    """Where one click ends the choice that brought a message; '' where its mail has no link."""
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
