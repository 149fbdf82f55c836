"""A message put into words: what its HTML and its plain text both say."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from talktime.core.member import MailKind
from talktime.core.message import CHOSEN_AS, Message, MessageKind
from talktime.core.unsubscribing import BROUGHT, unsubscribe_link
from talktime.gateways.mail.access import ACCESS
from talktime.gateways.mail.alerts import ALERTS
from talktime.gateways.mail.money import MONEY
from talktime.gateways.mail.wording import Button, Row, Wording, row
from talktime.gateways.mail.words import isolated, spoken

WORDINGS: Final[Mapping[MessageKind, Wording]] = {**ACCESS, **MONEY, **ALERTS}

_WHY: Final = "You get this because your mail for this account includes"
_CALLED: Final[Mapping[MailKind, str]] = {
    MailKind.ALERTS: "all alerts",
    MailKind.MONEY_IN: "all mail about money in",
    MailKind.WEEKLY: "the weekly summary",
}


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One mail in words, without gaps; what is empty is left out."""

    subject: str
    headline: str
    opening: str
    quote: str
    rows: tuple[Row, ...]
    button: Button | None
    closing: str
    why: str
    """Why the reader gets this, where they can choose otherwise."""
    unsubscribe: str
    """Where the choice that brought it is ended; empty in mail that the contract wants."""
    stop: str
    """What that does."""


def write_letter(message: Message, *, public_url: str) -> Letter:
    """Put a message to one person into words; ``public_url`` is where the pages are.

    Raises LookupError, ValueError or InvalidAmount where its facts are not those of its kind.
    """
    wording = WORDINGS[message.kind]
    facts, button = message.facts, wording.button
    words = {"pages": public_url, **spoken(facts), **wording.derived(facts)}
    held = {name: isolated(word) for name, word in words.items()}
    rows = (
        row(one.label, one.value.format_map(held), is_total=one.is_total) for one in wording.rows
    )
    choice = CHOSEN_AS.get(message.kind)
    called = _CALLED[choice] if choice else ""
    return Letter(
        subject=wording.subject.format_map(words),
        headline=wording.headline.format_map(held),
        opening=wording.opening.format_map(held),
        quote=wording.quote.format_map(held),
        rows=tuple(one for one in rows if one.value),
        button=button and replace(button, target=button.target.format_map(words)),
        closing=wording.closing.format_map(held),
        why=f"{_WHY} {called}: {BROUGHT[choice]}." if choice else "",
        unsubscribe=unsubscribe_link(message, public_url=public_url),
        stop=called and f"stop {called}",
    )
