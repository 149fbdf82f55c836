"""Mail that wants something done: calls would be refused, a card or an endpoint fails."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from talktime.core.message import MessageKind
from talktime.core.talk_time import spoken_chats, spoken_duration
from talktime.gateways.mail.wording import BALANCE, Button, Facts, Wording, row

_TOP_UP: Final = Button(label="Top up", target="{pages}/billing")
_AUTO_RELOAD: Final = Button(label="Open auto-reload", target="{pages}/billing/auto-reload")


def _talk_time(facts: Facts) -> Facts:
    seconds, chats = facts.get("talk_time_seconds"), facts.get("talk_time_chats")
    if chats is not None:
        said = spoken_chats(int(chats))
    elif seconds is None:
        said = "not known yet"
    else:
        said = spoken_duration(int(seconds) * 1000) if int(seconds) else "none for new calls"
    return {"talk_time": said}


def _since(facts: Facts) -> Facts:
    since = datetime.fromisoformat(facts["since"]).astimezone(UTC)
    return {"since": f"{since.day} {since:%B %Y, %H:%M} UTC"}


ALERTS: Final[Mapping[MessageKind, Wording]] = {
    MessageKind.BELOW_WARNING: Wording(
        subject="Balance below {threshold}: {available} left",
        headline="{available} left",
        opening=(
            "The available balance of {account_name} fell below your warning level of {threshold}."
        ),
        rows=(*BALANCE, row("Talk time left", "{talk_time}")),
        closing=(
            "What happens next: calls go on as before. When less than {floor} is left, new calls "
            "are refused; a call that runs is never cut off."
        ),
        derived=_talk_time,
        button=_TOP_UP,
    ),
    MessageKind.BELOW_FLOOR: Wording(
        subject="New calls are now refused: balance below {floor}",
        headline="New calls are now refused",
        opening=(
            "The available balance of {account_name} fell below {floor}. "
            "New calls are now refused; running calls finish."
        ),
        rows=(*BALANCE, row("Talk time left", "none for new calls")),
        closing=(
            "What happens next: once {floor} or more is available again, new calls are accepted "
            "at once. What running calls cost beyond the balance makes the paid balance negative; "
            "the next top-up settles that first."
        ),
        button=_TOP_UP,
    ),
    MessageKind.CHARGEBACK: Wording(
        subject="Your bank took back {amount}",
        headline="Your bank took back {amount}",
        opening=(
            "A top-up of {account_name} was disputed with the bank that issued the card, and the "
            "bank took its {amount} back. It was taken off the paid balance."
        ),
        rows=(row("Dispute", "{dispute}"), row("Top-up", "{top_up_id}"), *BALANCE),
        closing=(
            "What happens next: with less than {floor} available, new calls are refused until a "
            "top-up; running calls finish. Auto-reload is off until you switch it on again. "
            "Should the bank give the money back, it is on the balance at once. Nobody on your "
            "team disputed it? Then talk to your bank, which can withdraw the dispute."
        ),
        button=_TOP_UP,
    ),
    MessageKind.AUTO_RELOAD_FAILED: Wording(
        subject="Auto-reload failed: your card was not charged {amount}",
        headline="Auto-reload failed",
        opening=(
            "Your saved card was to be charged {amount} for {account_name}, and the bank said no: "
            "{reason} Nothing was charged."
        ),
        rows=(row("Failures in a row", "{failures} of {failures_max}"),),
        closing=(
            "What happens next: it is tried again in half an hour, and stops after {failures_max} "
            "failures in a row. Another card can be saved there."
        ),
        button=_AUTO_RELOAD,
    ),
    MessageKind.AUTO_RELOAD_STOPPED: Wording(
        subject="Auto-reload has stopped",
        headline="Auto-reload has stopped",
        opening=(
            "Your saved card could not be charged {amount} for {account_name}: {reason} Nothing "
            "was charged, and nothing more is tried."
        ),
        closing=(
            "Save another card there, or switch it on again to have this one tried once more. "
            "Until then the balance grows by top-ups alone."
        ),
        button=_AUTO_RELOAD,
    ),
    MessageKind.AUTHENTICATION_NEEDED: Wording(
        subject="Your bank wants to hear from you: {amount} waits",
        headline="Your bank wants to hear from you",
        opening=(
            "Auto-reload was to charge your saved card {amount} for {account_name}. The bank asks "
            "that you confirm this payment yourself. Nothing was charged yet."
        ),
        button=Button(label="Confirm and pay", target="{link}"),
        closing=(
            "The link can be paid on for 23 hours, and once. Until then nothing else is charged "
            "automatically."
        ),
    ),
    MessageKind.ENDPOINT_DISABLED: Wording(
        subject="A webhook endpoint was switched off",
        headline="A webhook endpoint was switched off",
        opening=("{url} did not take what we sent since {since}, so nothing more is sent there."),
        rows=(row("Last answer", "{reason}"),),
        button=Button(label="Open Webhooks", target="{pages}/settings/webhooks"),
        closing=(
            "Mend it, then switch it on again there: what waits is sent first. What was given up "
            "is listed, and can be sent again."
        ),
        derived=_since,
    ),
}
