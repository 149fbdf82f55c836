"""A message put into words: what its HTML and its plain text both say."""

from collections.abc import Mapping
from typing import Final

import msgspec

from talktime.core.message import Message, MessageKind
from talktime.core.money import display_usd, parse_usd
from talktime.core.talk_time import spoken_chats, spoken_duration
from talktime.gateways.mail.weekly import rounded_usd, weekly_figures


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    value: str
    is_total: bool = False


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    subject: str
    headline: str
    opening: str
    figures: tuple[Figure, ...] = ()
    button: str | None = None
    target: str | None = None
    """Where the button leads."""
    closing: str | None = None
    why: str | None = None
    """Why the reader gets this, where they can choose otherwise."""
    unsubscribe: str | None = None
    """Ends this kind of mail at one click, as the law wants it for what is no notice."""


def write_letter(message: Message, *, public_url: str) -> Letter:
    """Put a message to one person into words; ``public_url`` is where the pages are."""
    return _LETTERS[message.kind](message.facts, public_url)


def _sign_in(facts: Mapping[str, str], _public_url: str) -> Letter:
    return Letter(
        subject="Your link to sign in",
        headline="Sign in to Talktime",
        opening=(
            f"You asked for a link to sign in. It works once, and is good for {facts['valid_for']}."
        ),
        button="Sign in",
        target=facts["link"],
        closing=(
            "It was not you who asked? Then there is nothing to do: without this link nobody "
            "comes in. Do not pass it on."
        ),
    )


def _sign_up(facts: Mapping[str, str], _public_url: str) -> Letter:
    return Letter(
        subject="Your link to get started",
        headline="Welcome to Talktime",
        opening=(
            "Your address is confirmed and your account opened with this link. "
            f"It works once, and is good for {facts['valid_for']}."
        ),
        button="Open my account",
        target=facts["link"],
        closing=(
            "It was not you who asked? Then there is nothing to do: without this link no account "
            "is opened."
        ),
    )


def _invitation(facts: Mapping[str, str], _public_url: str) -> Letter:
    what = {
        "owner": "As an owner you can do everything there, and invite others.",
        "billing": "You can look at everything, and take care of its money and settings.",
        "viewer": "You can look at its balance, calls and spending.",
    }.get(facts["role"], "")
    return Letter(
        subject=f"You can now see {facts['account_name']}",
        headline=f"You were invited to {facts['account_name']}",
        opening=f"{facts['invited_by']} gave you access to {facts['account_name']}. {what}",
        button="Sign in",
        target=facts["link"],
        closing="Sign in with the address this mail came to. There is no password.",
    )


def _welcome(facts: Mapping[str, str], public_url: str) -> Letter:
    bonus = _usd(facts["bonus"])
    return Letter(
        subject=f"Welcome: {bonus} to start with",
        headline=f"{bonus} to start with",
        opening=(
            f"{facts['account_name']} is ready, with a welcome bonus of {bonus}. "
            "It is spent first, before anything you pay, and it never expires."
        ),
        figures=_balance(facts),
        button="Open Billing",
        target=f"{public_url}/billing",
        closing="Every call shows what it cost, line by line, as soon as it ends.",
        why=_chosen("mail about money that comes in"),
    )


def _coupon_redeemed(facts: Mapping[str, str], public_url: str) -> Letter:
    bonus = _usd(facts["bonus"])
    return Letter(
        subject=f"Coupon redeemed: {bonus} added",
        headline=f"{bonus} added",
        opening=(
            f"The coupon {facts['code']} was redeemed for {facts['account_name']}. "
            f"{bonus} was added to the promo balance, which is spent first and never expires."
        ),
        figures=_balance(facts),
        button="Open Billing",
        target=f"{public_url}/billing",
        why=_chosen("mail about money that comes in"),
    )


def _top_up_succeeded(facts: Mapping[str, str], public_url: str) -> Letter:
    amount = _usd(facts["amount"])
    return Letter(
        subject=f"Top-up received: {amount}",
        headline=f"{amount} has arrived",
        opening=(
            f"The top-up of {amount} for {facts['account_name']} was paid and is on the paid "
            "balance. It never expires; what is not used can be refunded."
        ),
        figures=(Figure(label="Top-up", value=facts["top_up_id"]), *_balance(facts)),
        button="Open Billing",
        target=f"{public_url}/billing",
        why=_chosen("mail about money that comes in"),
    )


def _refund_succeeded(facts: Mapping[str, str], public_url: str) -> Letter:
    amount = _usd(facts["amount"])
    return Letter(
        subject=f"Refund sent: {amount}",
        headline=f"{amount} is on its way back",
        opening=(
            f"{amount} of the paid balance of {facts['account_name']} went back to the card it "
            "came from. Until your bank shows it, five to ten days can pass."
        ),
        figures=(Figure(label="Refund", value=facts["refund"]), *_balance(facts)),
        button="Open Billing",
        target=f"{public_url}/billing",
        why=_chosen("mail about money that comes in"),
    )


def _auto_reload_done(facts: Mapping[str, str], public_url: str) -> Letter:
    amount = _usd(facts["amount"])
    return Letter(
        subject=f"Auto-reload: {amount} added",
        headline=f"{amount} added by auto-reload",
        opening=(
            f"The balance of {facts['account_name']} fell below the threshold that you chose, so "
            f"your saved card was charged {amount}."
        ),
        figures=(Figure(label="Payment", value=facts["top_up_id"]), *_balance(facts)),
        button="Open auto-reload",
        target=f"{public_url}/billing/auto-reload",
        closing="There you can change threshold, amount, ceilings and card, or switch it off.",
        why=_chosen("mail about money that comes in"),
    )


def _auto_reload_failed(facts: Mapping[str, str], public_url: str) -> Letter:
    amount = _usd(facts["amount"])
    return Letter(
        subject=f"Auto-reload failed: your card was not charged {amount}",
        headline="Auto-reload failed",
        opening=(
            f"Your saved card was to be charged {amount} for {facts['account_name']}, and the "
            f"bank said no: {facts['reason']} Nothing was charged."
        ),
        figures=(
            Figure(
                label="Failures in a row", value=f"{facts['failures']} of {facts['failures_max']}"
            ),
        ),
        button="Open auto-reload",
        target=f"{public_url}/billing/auto-reload",
        closing=(
            "What happens next: it is tried again in half an hour, and stops after "
            f"{facts['failures_max']} failures in a row. Another card can be saved there."
        ),
        why=_chosen("alerts"),
    )


def _auto_reload_stopped(facts: Mapping[str, str], public_url: str) -> Letter:
    amount = _usd(facts["amount"])
    return Letter(
        subject="Auto-reload has stopped",
        headline="Auto-reload has stopped",
        opening=(
            f"Your saved card could not be charged {amount} for {facts['account_name']}, which "
            f"makes {facts['failures']} failures in a row: {facts['reason']} Nothing was charged, "
            "and nothing more is tried."
        ),
        button="Open auto-reload",
        target=f"{public_url}/billing/auto-reload",
        closing=(
            "Save another card there, or save your choice again to go on with this one. Until "
            "then the balance grows by top-ups alone."
        ),
        why=_chosen("alerts"),
    )


def _authentication_needed(facts: Mapping[str, str], _public_url: str) -> Letter:
    amount = _usd(facts["amount"])
    return Letter(
        subject=f"Your bank wants to hear from you: {amount} waits",
        headline="Your bank wants to hear from you",
        opening=(
            f"Auto-reload was to charge your saved card {amount} for {facts['account_name']}. The "
            "bank asks that you confirm this payment yourself. Nothing was charged yet."
        ),
        button="Confirm and pay",
        target=facts["link"],
        closing=(
            "The link can be paid on for 23 hours, and once. Until then nothing else is charged "
            "automatically."
        ),
        why=_chosen("alerts"),
    )


def _below_warning(facts: Mapping[str, str], public_url: str) -> Letter:
    level, floor = _usd(facts["threshold"]), _usd(facts["floor"])
    return Letter(
        subject=f"Balance below {level}: {_usd(facts['available'])} left",
        headline=f"{_usd(facts['available'])} left",
        opening=(
            f"The available balance of {facts['account_name']} fell below your warning level "
            f"of {level}."
        ),
        figures=(*_balance(facts), Figure(label="Talk time left", value=_talk_time(facts))),
        button="Top up",
        target=f"{public_url}/billing",
        closing=(
            f"What happens next: calls go on as before. When less than {floor} is left, new "
            "calls are refused; a call that runs is never cut off."
        ),
        why=_chosen("balance alerts"),
    )


def _below_floor(facts: Mapping[str, str], public_url: str) -> Letter:
    floor = _usd(facts["floor"])
    return Letter(
        subject=f"New calls are now refused: balance below {floor}",
        headline="New calls are now refused",
        opening=(
            f"The available balance of {facts['account_name']} fell below {floor}. "
            "New calls are now refused; running calls finish."
        ),
        figures=(*_balance(facts), Figure(label="Talk time left", value="none for new calls")),
        button="Top up",
        target=f"{public_url}/billing",
        closing=(
            f"What happens next: once {floor} or more is available again, new calls are accepted "
            "at once. What running calls cost beyond the balance makes the paid balance negative; "
            "the next top-up settles that first."
        ),
        why=_chosen("balance alerts"),
    )


def _weekly_summary(facts: Mapping[str, str], public_url: str) -> Letter:
    charge = rounded_usd(facts["charge"])
    calls = "1 call" if facts["calls"] == "1" else f"{facts['calls']} calls"
    rows = tuple(
        Figure(label=label, value=value, is_total=is_total)
        for label, value, is_total in weekly_figures(facts)
    )
    return Letter(
        subject=f"Your week: {charge} for {calls}",
        headline=f"{charge} last week",
        opening=(
            f"What {facts['account_name']} spent from {facts['first_day']} to {facts['last_day']}."
        ),
        figures=rows,
        button="Open Spend",
        target=f"{public_url}/spend",
        unsubscribe=facts["unsubscribe"],
        why=_chosen("the weekly summary"),
    )


def _statement_ready(facts: Mapping[str, str], public_url: str) -> Letter:  # noqa: ARG001
    return Letter(
        subject=f"Your statement of {facts['month']}",
        headline=f"Statement of {facts['month']}",
        opening=(
            f"What moved the balance of {facts['account_name']}: each top-up, credit and "
            "correction, and what the calls were charged. The page has it as PDF too."
        ),
        figures=(
            Figure(label="Opening balance", value=_usd(facts["opening"])),
            Figure(label="Credit and corrections", value=_usd(facts["beside_calls"])),
            Figure(label="Charged for calls", value=_usd(facts["charge"])),
            Figure(label="Closing balance", value=_usd(facts["closing"]), is_total=True),
        ),
        button="Open the statement",
        target=facts["link"],
        why=_chosen("mail about money that comes in"),
    )


def _endpoint_disabled(facts: Mapping[str, str], public_url: str) -> Letter:
    return Letter(
        subject="A webhook endpoint was switched off",
        headline="A webhook endpoint was switched off",
        opening=(
            f"{facts['url']} did not take what we sent since {facts['since']}, so nothing more "
            "is sent there."
        ),
        figures=(Figure(label="Last answer", value=facts["reason"]),),
        button="Open Webhooks",
        target=f"{public_url}/settings/webhooks",
        closing=(
            "Mend it, then switch it on again there. What it missed is listed and can be sent "
            "again."
        ),
        why=_chosen("alerts"),
    )


def _key_created(facts: Mapping[str, str], public_url: str) -> Letter:
    return Letter(
        subject=f"An API key was made: {facts['name']}",
        headline="An API key was made",
        opening=(
            f"{facts['created_by']} made the API key “{facts['name']}” ({facts['key_id']}) for "
            f"{facts['account_name']}."
        ),
        button="Look at the keys",
        target=f"{public_url}/settings/keys",
        closing="Nobody on your team did? Revoke it there; it stops working at once.",
    )


_LETTERS: Final = {
    MessageKind.SIGN_IN: _sign_in,
    MessageKind.SIGN_UP: _sign_up,
    MessageKind.INVITATION: _invitation,
    MessageKind.WELCOME: _welcome,
    MessageKind.COUPON_REDEEMED: _coupon_redeemed,
    MessageKind.TOP_UP_SUCCEEDED: _top_up_succeeded,
    MessageKind.REFUND_SUCCEEDED: _refund_succeeded,
    MessageKind.AUTO_RELOAD_DONE: _auto_reload_done,
    MessageKind.AUTO_RELOAD_FAILED: _auto_reload_failed,
    MessageKind.AUTO_RELOAD_STOPPED: _auto_reload_stopped,
    MessageKind.AUTHENTICATION_NEEDED: _authentication_needed,
    MessageKind.BELOW_WARNING: _below_warning,
    MessageKind.BELOW_FLOOR: _below_floor,
    MessageKind.WEEKLY_SUMMARY: _weekly_summary,
    MessageKind.STATEMENT_READY: _statement_ready,
    MessageKind.ENDPOINT_DISABLED: _endpoint_disabled,
    MessageKind.KEY_CREATED: _key_created,
}


def _talk_time(facts: Mapping[str, str]) -> str:
    seconds, chats = facts.get("talk_time_seconds"), facts.get("talk_time_chats")
    if chats is not None:
        return spoken_chats(int(chats))
    if seconds is None:
        return "not known yet"
    return spoken_duration(int(seconds) * 1000) if int(seconds) else "none for new calls"


def _usd(text: str) -> str:
    return display_usd(parse_usd(text, field="amount"))


def _balance(facts: Mapping[str, str]) -> tuple[Figure, ...]:
    return (
        Figure(label="Promo", value=_usd(facts["promo"])),
        Figure(label="Paid", value=_usd(facts["paid"])),
        Figure(label="Available", value=_usd(facts["available"]), is_total=True),
    )


def _chosen(what: str) -> str:
    return f"You get this because your mail for this account is set to include {what}."
