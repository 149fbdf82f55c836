"""What the auto-reload page says: how it stands, what it did, and why it did nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec

from talktime.core.account import Account
from talktime.core.auto_reload import (
    FAILURES_MAX,
    Decision,
    OffBy,
    ReloadCheck,
    ReloadReason,
    Standing,
    cool_down,
    cools_down,
)
from talktime.core.money import display_usd
from talktime.core.payment import OPEN_STATUSES, Payment, PaymentStatus
from talktime.core.saved_card import Card
from talktime.portal.billing.refund_view import quoted
from talktime.portal.figures import Moment, clock_words, moment, zone_of


class StateView(msgspec.Struct, frozen=True, kw_only=True):
    """How auto-reload stands, in words."""

    tone: str
    """done, warn, stop or wait."""
    title: str
    text: str
    is_stopped: bool = False
    """And can be switched on again."""
    href: str = ""
    """The payment that waits for the customer, where one does."""


class ReloadRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt."""

    at: Moment
    amount: str
    tone: str
    """done, wait, warn or stop."""
    result: str
    why: str
    """And what comes next, where there is something to say."""
    href: str


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking."""

    first: Moment
    last: Moment
    is_span: bool
    """It was the same answer more than once."""
    startable: str
    text: str


class CardView(msgspec.Struct, frozen=True, kw_only=True):
    """The saved card."""

    brand: str
    last4: str
    expiry: str
    """ "12/2030"; empty where it is not known."""
    has_expired: bool


class ReloadPageView(msgspec.Struct, frozen=True, kw_only=True):
    """What of the auto-reload page changes by itself."""

    state: StateView
    card: CardView | None
    is_saving: bool
    """A page to save one on is open, or nothing was heard of it yet."""
    used: tuple[tuple[str, str], ...]
    """What of the limits is used so far, in pairs."""
    warning: str
    """Where they keep it from doing what was chosen."""
    reloads: tuple[ReloadRow, ...]
    checks: tuple[CheckRow, ...]


def state_view(
    account: Account,
    state: Standing,
    decision: Decision,
    reloads: Sequence[Payment],
    *,
    now: datetime,
    base: str,
) -> StateView:
    """What would be done now, and what the customer can do about it; ``reloads`` are the attempts
    of the last months."""
    startable = display_usd(account.startable_nanos)
    threshold = display_usd(state.settings.threshold_nanos)
    reason = decision.reason
    if reason is ReloadReason.ENOUGH:
        text = f"It charges your card when less than {threshold} is left to start calls with."
        return StateView(tone="done", title="On", text=f"{text} Now it is {startable}.")
    if reason is ReloadReason.FIRED:
        return StateView(
            tone="wait",
            title="On: your card is about to be charged",
            text=f"{startable} is left to start calls with, less than {threshold}.",
        )
    if reason is ReloadReason.COOLING_DOWN and state.attempted_at is not None:
        again = state.attempted_at + cool_down(state.failures)
        at = clock_words(again, zone_of(account.zone_at(now)), now=now)
        tried = "failed" if state.failures else "was not long ago"
        return StateView(
            tone="warn" if state.failures else "wait",
            title="On: waiting",
            text=f"The last attempt {tried}. The next is made at {at} at the earliest.",
        )
    if reason is ReloadReason.IN_FLIGHT:
        for payment in reloads:
            if payment.status in OPEN_STATUSES and payment.needs_customer:
                return _asking_view(payment, base)
    tone, title = _TITLES[reason]
    text = _STATES[reason]
    if reason is ReloadReason.OFF and state.switched_off is not None:
        since = moment(state.switched_off.at, zone_of(account.zone_at(now)))
        why = _OFF_BY[state.switched_off.by].format(at=f"{since.day}, {since.clock}")
        tone, text = "warn", f"{why} {text}"
    if reason in _CEILINGS and state.failures and cools_down(state, now):
        text = f"{text} The last attempt failed, too."
    is_stopped = reason is ReloadReason.STOPPED
    return StateView(tone=tone, title=title, text=text, is_stopped=is_stopped)


def _asking_view(payment: Payment, base: str) -> StateView:
    return StateView(
        tone="warn",
        title="On: your bank wants to hear you",
        text=(
            f"{display_usd(payment.amount_nanos)} wait for you. Nothing is charged before you "
            "confirm it."
        ),
        href=_payment_href(payment, base),
    )


def _payment_href(payment: Payment, base: str) -> str:
    return f"{base}/billing/top-up/{quote(payment.payment_id, safe='')}"


def card_view(card: Card | None, account: Account, *, now: datetime) -> CardView | None:
    if card is None:
        return None
    today = now.astimezone(zone_of(account.zone_at(now))).date()
    return CardView(
        brand=card.brand,
        last4=card.last4,
        expiry=f"{card.expires_on:%m/%Y}" if card.expires_on else "",
        has_expired=card.expires_on is not None and card.expires_on < today,
    )


def limit_warning(standing: Standing) -> str:
    """That the ceilings may keep it below its threshold; empty where they leave room for that."""
    chosen = standing.settings
    for ceiling_nanos, span in (
        (chosen.month_ceiling_nanos, "month"),
        (chosen.day_ceiling_nanos, "day"),
    ):
        if chosen.threshold_nanos > ceiling_nanos:
            return (
                f"Your threshold of {display_usd(chosen.threshold_nanos)} is above the "
                f"{display_usd(ceiling_nanos)} that may be charged in one {span}, so the balance "
                f"may stay below it. Raise the {span}'s ceiling, or lower the threshold."
            )
    return ""


def used_lines(
    account: Account, standing: Standing, decision: Decision, *, now: datetime
) -> tuple[tuple[str, str], ...]:
    """In pairs of what and how much: ceilings, failures in a row, and until when it waits."""
    chosen = standing.settings
    lines = [
        ("Charged today", _of(standing.charged_today_nanos, chosen.day_ceiling_nanos)),
        ("Charged this month", _of(standing.charged_this_month_nanos, chosen.month_ceiling_nanos)),
        ("Failures in a row", f"{standing.failures} of {FAILURES_MAX}, then it stops"),
    ]
    if standing.stopped_at is not None:
        at = moment(standing.stopped_at, zone_of(account.zone_at(now)))
        lines[2] = ("Failures in a row", f"{standing.failures}: stopped {at.day}, {at.clock}")
    again = standing.attempted_at and standing.attempted_at + cool_down(standing.failures)
    if standing.stopped_at is not None:
        lines.append(("Next attempt", "None until you switch it on again"))
    elif not chosen.is_on:
        lines.append(("Next attempt", "None while it is off"))
    elif decision.reason is ReloadReason.MONTH_CEILING:
        lines.append(("Next attempt", "Next month, or with a higher ceiling"))
    elif decision.reason is ReloadReason.DAY_CEILING:
        lines.append(("Next attempt", "Tomorrow, or with a higher ceiling"))
    elif again is None:
        lines.append(("Next attempt", "When the balance runs low"))
    elif again <= now:
        lines.append(("Next attempt", "When the balance runs low again"))
    else:
        at = moment(again, zone_of(account.zone_at(now)))
        lines.append(("Next attempt", f"Not before {at.clock}, {at.day}"))
    return tuple(lines)


def _of(used_nanos: int, ceiling_nanos: int) -> str:
    return f"{display_usd(used_nanos)} of {display_usd(ceiling_nanos)}"


def reload_rows(payments: Sequence[Payment], account: Account, base: str) -> tuple[ReloadRow, ...]:
    """The attempts of the last months."""
    zone = zone_of(account.time_zone)
    return tuple(
        ReloadRow(
            at=moment(payment.created_at, zone),
            amount=display_usd(payment.amount_nanos),
            tone=tone,
            result=result,
            why=why,
            href=_payment_href(payment, base),
        )
        for payment in payments
        for tone, result, why in [_result(payment)]
    )


def check_rows(checks: Sequence[ReloadCheck], account: Account) -> tuple[CheckRow, ...]:
    """What came of looking, newest first."""
    zone = zone_of(account.time_zone)
    return tuple(
        CheckRow(
            first=moment(check.first_at, zone),
            last=moment(check.last_at, zone),
            is_span=check.last_at > check.first_at,
            startable=display_usd(check.startable_nanos),
            text=_CHECKS[check.reason],
        )
        for check in checks
    )


def _result(payment: Payment) -> tuple[str, str, str]:
    why = quoted(payment.failure) if payment.failure else ""
    if payment.status is PaymentStatus.SUCCEEDED:
        return "done", "Charged and credited", ""
    if payment.status is PaymentStatus.FAILED:
        return "stop", "Not charged", why or "The bank gave no reason."
    if payment.status is PaymentStatus.EXPIRED:
        return "warn", "Not charged", why or "Nobody paid in time."
    if payment.needs_customer:
        return "warn", "Your bank wants you to confirm it", "Nothing is charged before you do."
    return "wait", "Being charged", "It is credited once the bank has confirmed it."


_TITLES: Final = {
    ReloadReason.OFF: ("wait", "Off"),
    ReloadReason.STOPPED: ("stop", "Stopped"),
    ReloadReason.SUSPENDED: ("stop", "On, but this account is suspended"),
    ReloadReason.NO_CARD: ("warn", "On, but no card is saved"),
    ReloadReason.IN_FLIGHT: ("wait", "On: a payment is under way"),
    ReloadReason.DAY_CEILING: ("warn", "On, but today's ceiling is reached"),
    ReloadReason.MONTH_CEILING: ("warn", "On, but this month's ceiling is reached"),
    ReloadReason.COOLING_DOWN: ("wait", "On: waiting"),
}

_OFF_BY: Final = {
    OffBy.REFUND: "A refund switched it off on {at}, so that your card is not charged again.",
    OffBy.CHARGEBACK: "It was switched off on {at}, when a bank took a payment back.",
}

_CEILINGS: Final = frozenset({ReloadReason.DAY_CEILING, ReloadReason.MONTH_CEILING})

_STATES: Final = {
    ReloadReason.OFF: (
        "Nothing is charged by itself. With a card saved, choose below and switch it on."
    ),
    ReloadReason.STOPPED: (
        "Your card could not be charged; the last attempt below says why. Save another card, or "
        "switch it on again to try this one once more."
    ),
    ReloadReason.SUSPENDED: "Nothing is charged while it is. Ask whoever runs this platform.",
    ReloadReason.NO_CARD: "There is nothing to charge. Save a card to make it work.",
    ReloadReason.IN_FLIGHT: "Nothing else is charged until it has come to its end.",
    ReloadReason.DAY_CEILING: (
        "One more payment would pass what you allowed for a day. Raise the ceiling, or top up by "
        "hand; tomorrow it goes on."
    ),
    ReloadReason.MONTH_CEILING: (
        "One more payment would pass what you allowed for a month. Raise the ceiling, or top up "
        "by hand; next month it goes on."
    ),
    ReloadReason.COOLING_DOWN: "The last attempt was not long ago.",
}

_CHECKS: Final = {
    ReloadReason.FIRED: "It fired: a payment was begun",
    ReloadReason.ENOUGH: "Enough was left again",
    ReloadReason.OFF: "It was switched off",
    ReloadReason.STOPPED: "It had stopped: the card could not be charged",
    ReloadReason.SUSPENDED: "The account was suspended",
    ReloadReason.NO_CARD: "No card was saved",
    ReloadReason.IN_FLIGHT: "A payment was under way",
    ReloadReason.COOLING_DOWN: "The attempt before was not long ago",
    ReloadReason.DAY_CEILING: "The day's ceiling was reached",
    ReloadReason.MONTH_CEILING: "The month's ceiling was reached",
}
