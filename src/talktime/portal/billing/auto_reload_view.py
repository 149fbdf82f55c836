"""What the auto-reload page says: how it stands, what it did, and why it did nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from talktime.core.account import Account
from talktime.core.auto_reload import (
    FAILURES_MAX,
    Decision,
    ReloadCheck,
    ReloadReason,
    ReloadState,
    cool_down,
)
from talktime.core.money import display_usd
from talktime.core.payment import Payment, PaymentStatus
from talktime.portal.figures import Moment, moment, zone_of


class StateView(msgspec.Struct, frozen=True, kw_only=True):
    """How auto-reload stands, in words."""

    tone: str
    """done, warn, stop or wait."""
    title: str
    text: str


class ReloadRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt."""

    at: Moment
    amount: str
    result: str
    href: str


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking."""

    first: Moment
    last: Moment
    is_span: bool
    """It was the same answer more than once."""
    startable: str
    text: str


def state_view(
    account: Account, state: ReloadState, decision: Decision, *, now: datetime
) -> StateView:
    """What would be done now, and what the customer can do about it."""
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
        at = moment(again, zone_of(account.zone_at(now)))
        tried = "failed" if state.failures else "was not long ago"
        return StateView(
            tone="warn" if state.failures else "wait",
            title="On: waiting",
            text=f"The last attempt {tried}. The next is made at {at.clock} at the earliest.",
        )
    tone, title = _TITLES[reason]
    return StateView(tone=tone, title=title, text=_STATES[reason])


def reload_rows(payments: Sequence[Payment], account: Account, base: str) -> tuple[ReloadRow, ...]:
    """The last attempts."""
    zone = zone_of(account.time_zone)
    return tuple(
        ReloadRow(
            at=moment(payment.created_at, zone),
            amount=display_usd(payment.amount_nanos),
            result=_result(payment),
            href=f"{base}/billing/top-up/{payment.payment_id}",
        )
        for payment in payments
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


def _result(payment: Payment) -> str:
    if payment.status is PaymentStatus.SUCCEEDED:
        return "Charged and credited"
    if payment.status in {PaymentStatus.FAILED, PaymentStatus.EXPIRED}:
        why = payment.failure or "Nobody paid in time."
        return f"Not charged. {why}"
    if payment.needs_customer:
        return "Your bank wants you to confirm it"
    return "Being charged"


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

_STATES: Final = {
    ReloadReason.OFF: "Nothing is charged by itself. Save a card, choose below and switch it on.",
    ReloadReason.STOPPED: (
        f"Your card could not be charged {FAILURES_MAX} times in a row, so nothing more is tried. "
        "Save another card, or save your choice again to go on with this one."
    ),
    ReloadReason.SUSPENDED: "Nothing is charged while it is. Ask whoever runs this platform.",
    ReloadReason.NO_CARD: "There is nothing to charge. Save a card to make it work.",
    ReloadReason.IN_FLIGHT: (
        "Nothing else is charged until it has come to its end. If your bank wants you to confirm "
        "it, open it below."
    ),
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
    ReloadReason.STOPPED: f"It had stopped after {FAILURES_MAX} failures in a row",
    ReloadReason.SUSPENDED: "The account was suspended",
    ReloadReason.NO_CARD: "No card was saved",
    ReloadReason.IN_FLIGHT: "A payment was under way",
    ReloadReason.COOLING_DOWN: "The attempt before was not long ago",
    ReloadReason.DAY_CEILING: "The day's ceiling was reached",
    ReloadReason.MONTH_CEILING: "The month's ceiling was reached",
}
