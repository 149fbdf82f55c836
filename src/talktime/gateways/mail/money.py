"""Mail about money that came in, and about money that was to go back."""

from collections.abc import Mapping
from shlex import quote
from typing import Final

from talktime.core.message import MessageKind
from talktime.core.money import display_usd, parse_usd
from talktime.core.ratecard import SERVICE_NAMES
from talktime.gateways.mail.weekly import weekly_words
from talktime.gateways.mail.wording import BALANCE, Button, Facts, Wording, row

_BILLING: Final = Button(label="Open Billing", target="{pages}/billing")
_PAYMENTS: Final = Button(label="Open Payments", target="{pages}/billing/payments")


def _words_of_a_command(facts: Facts) -> Facts:
    """The ids as a shell takes them: whoever chose one may have written more than a word."""
    return {
        "account_word": quote(facts["account_id"]),
        "refund_word": quote(facts["refund"]),
    }


def _words_of_parts(facts: Facts) -> Facts:
    """Each payment that went back with its amount, where there are several."""
    words = facts.get("parts", "").split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return {
        "parts": ", ".join(
            f"{display_usd(parse_usd(usd, field=top_up))} of {top_up}" for top_up, usd in pairs
        )
    }


MONEY: Final[Mapping[MessageKind, Wording]] = {
    MessageKind.WELCOME: Wording(
        subject="Welcome: {bonus} to start with",
        headline="{bonus} to start with",
        opening=(
            "{account_name} is ready, with a welcome bonus of {bonus}. "
            "It is spent first, before anything you pay, and it never expires."
        ),
        rows=BALANCE,
        closing="Every call shows what it cost, line by line, as soon as it ends.",
        button=_BILLING,
    ),
    MessageKind.COUPON_REDEEMED: Wording(
        subject="Coupon redeemed: {bonus} added",
        headline="{bonus} added",
        opening=(
            "The coupon {code} was redeemed for {account_name}. "
            "{bonus} was added to the promo balance, which is spent first and never expires."
        ),
        rows=BALANCE,
        button=_BILLING,
    ),
    MessageKind.TOP_UP_SUCCEEDED: Wording(
        subject="Top-up received: {amount}",
        headline="{amount} has arrived",
        opening=(
            "The top-up of {amount} for {account_name} was paid and is on the paid balance. "
            "It never expires; what is not used can be refunded."
        ),
        rows=(row("Top-up", "{top_up_id}"), *BALANCE),
        closing="The receipt is there as a PDF.",
        button=_PAYMENTS,
    ),
    MessageKind.AUTO_RELOAD_DONE: Wording(
        subject="Auto-reload: {amount} added",
        headline="{amount} added by auto-reload",
        opening=(
            "The balance of {account_name} fell below the threshold that you chose, so your saved "
            "card was charged {amount}."
        ),
        rows=(row("Payment", "{top_up_id}"), *BALANCE),
        button=Button(label="Open auto-reload", target="{pages}/billing/auto-reload"),
        closing="There you can change threshold, amount, ceilings and card, or switch it off.",
    ),
    MessageKind.REFUND_DECLINED: Wording(
        subject="Refund declined: {amount}",
        headline="Your refund was declined",
        opening="{account_name} asked for {amount} back. It was declined with these words:",
        quote="{answer}",
        rows=(row("Refund", "{refund}"), row("Asked for", "{amount}")),
        closing="Nothing moved: the money is on your balance as before. You can ask again there.",
        button=_PAYMENTS,
    ),
    MessageKind.REFUND_SUCCEEDED: Wording(
        subject="Refund sent: {amount}",
        headline="{amount} is on its way back",
        opening=(
            "{amount} of the paid balance of {account_name} went back to the card it came from. "
            "Until your bank shows it, five to ten days can pass."
        ),
        rows=(row("Refund", "{refund}"), row("Top-ups", "{parts}"), *BALANCE),
        button=_PAYMENTS,
        derived=_words_of_parts,
    ),
    MessageKind.REFUND_PARTLY: Wording(
        subject="Refund sent in part: {gone} of {amount}",
        headline="{gone} of {amount} is on its way back",
        opening=(
            "{gone} of the paid balance of {account_name} went back to the card it came from; "
            "until your bank shows it, five to ten days can pass. {stayed} could not be sent."
        ),
        rows=(
            row("Why", "{reason}"),
            row("Refund", "{refund}"),
            row("Top-ups", "{parts}"),
            *BALANCE,
        ),
        closing=(
            "What could not be sent is on your balance again and can be used at once. You can ask "
            "for it back again there; where the card is no longer yours, tell us when you ask."
        ),
        button=_PAYMENTS,
        derived=_words_of_parts,
    ),
    MessageKind.REFUND_FAILED: Wording(
        subject="Refund failed: {amount} could not be sent",
        headline="{amount} could not be sent back",
        opening=(
            "{amount} of the paid balance of {account_name} was to go back to the card it came "
            "from, and could not."
        ),
        rows=(row("Why", "{reason}"), row("Refund", "{refund}"), *BALANCE),
        closing=(
            "The money is on your balance again and can be used at once. You can ask for it back "
            "again there; where the card is no longer yours, tell us when you ask."
        ),
        button=_PAYMENTS,
    ),
    MessageKind.REFUND_REVERSED: Wording(
        subject="Refund came back: {amount} is on your balance",
        headline="Your refund came back",
        opening=(
            "The bank sent back the {amount} that had been refunded to {account_name}; most often "
            "the card was closed or replaced."
        ),
        rows=(row("Refund", "{refund}"), *BALANCE),
        closing=(
            "The money is on your paid balance again and can be used at once. You can ask for it "
            "back again there; where the card is no longer yours, tell us when you ask."
        ),
        button=_PAYMENTS,
    ),
    MessageKind.CHARGEBACK_REVERSED: Wording(
        subject="Dispute settled: {amount} is back",
        headline="{amount} is back on your balance",
        opening=(
            "Your bank gave back what it had taken in the dispute of a top-up of {account_name}. "
            "It is on the paid balance again."
        ),
        rows=(row("Dispute", "{dispute}"), row("Top-up", "{top_up_id}"), *BALANCE),
        closing="Auto-reload stays off until you switch it on again.",
        button=_BILLING,
    ),
    MessageKind.STATEMENT_READY: Wording(
        subject="Your statement of {month}",
        headline="Statement of {month}",
        opening=(
            "What moved the balance of {account_name}: each top-up, credit and correction, and "
            "what the calls were charged. The page has it as PDF too."
        ),
        rows=(
            row("Opening balance", "{opening}"),
            row("Credit and corrections", "{beside_calls}"),
            row("Charged for calls", "{charge}"),
            row("Closing balance", "{closing}", is_total=True),
        ),
        button=Button(label="Open the statement", target="{link}"),
    ),
    MessageKind.WEEKLY_SUMMARY: Wording(
        subject="Your week: {charge} for {calls}",
        headline="{charge} last week",
        opening="What {account_name} spent from {first_day} to {last_day}.",
        rows=(
            *(row(name, f"{{{service.value}}}") for service, name in SERVICE_NAMES.items()),
            row("Margin", "{margin}"),
            row("Charged in this week", "{charge}", is_total=True),
            row("In the week before", "{charge_before}"),
            row("Available now", "{available}"),
        ),
        button=Button(label="Open Spend", target="{pages}/spend"),
        derived=weekly_words,
    ),
    MessageKind.REFUND_ASKED: Wording(
        subject="Refund asked for: {amount}",
        headline="A customer wants {amount} back",
        opening=(
            "{account_name} asked for a refund of unused paid balance. Nothing moved yet: it waits "
            "for your decision."
        ),
        quote="{reason}",
        rows=(
            row("Account", "{account_id}"),
            row("Refund", "{refund}"),
            row("Amount", "{amount}", is_total=True),
            row("Approve with", "talktime refunds approve {account_word} {refund_word}"),
            row(
                "Decline with", 'talktime refunds decline {account_word} {refund_word} --reason "…"'
            ),
        ),
        closing="The customer reads the reason that you give. The API can do both, too.",
        derived=_words_of_a_command,
    ),
}
