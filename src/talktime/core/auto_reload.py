"""Auto-reload: whether, and by how much, a saved card is charged when the balance runs low."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from talktime.core.errors import InvalidAmount
from talktime.core.money import NANOS_PER_USD, format_usd
from talktime.core.payment import NANOS_PER_CENT, TOP_UP_MAX_NANOS, check_top_up_amount

FAILURES_MAX: Final = 3
"""In a row; then nothing is tried until the customer has looked."""

COOL_DOWN: Final = timedelta(minutes=2)
"""Between two attempts."""

COOL_DOWN_AFTER_FAILURE: Final = timedelta(minutes=30)
"""A bank that said no says no again a minute later."""

LOOK_AGAIN: Final = timedelta(seconds=30)
"""How long an account that may not be charged now, though it could be, is left alone at most."""

LOOK_FOR_CARD_AGAIN: Final = timedelta(hours=1)
"""And one that has no card to charge; to save one is to be looked at at once."""

THRESHOLD_MIN_NANOS: Final = NANOS_PER_USD // 10
CEILING_MAX_NANOS: Final = 100_000 * NANOS_PER_USD


class ReloadReason(StrEnum):
    """What an auto-reload did when it was looked at, or why nothing."""

    OFF = "off"  # the customer has not switched it on
    STOPPED = "stopped"  # it failed FAILURES_MAX times in a row
    SUSPENDED = "suspended"  # the account may start no calls
    NO_CARD = "no_card"  # none is saved
    ENOUGH = "enough"  # startable has not fallen below the threshold
    IN_FLIGHT = "in_flight"  # a payment is under way
    COOLING_DOWN = "cooling_down"  # the last attempt is not long ago
    DAY_CEILING = "day_ceiling"  # one more would go beyond what a day may cost
    MONTH_CEILING = "month_ceiling"  # or a month
    FIRED = "fired"  # a payment was begun


class OffBy(StrEnum):
    """What switches auto-reload off, other than the customer."""

    REFUND = "refund"
    CHARGEBACK = "chargeback"


class SwitchedOff(msgspec.Struct, frozen=True, kw_only=True):
    """It is off by what happened, until the customer switches it on."""

    by: OffBy
    at: datetime


class ReloadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer chose. Amounts in nanos, whole cents."""

    is_on: bool
    threshold_nanos: int
    """It fires when startable is below this."""
    amount_nanos: int
    """Charged at least."""
    day_ceiling_nanos: int
    """Charged at most by auto-reloads in one day of the account's time zone."""
    month_ceiling_nanos: int


SUGGESTED: Final = ReloadSettings(
    is_on=False,
    threshold_nanos=5 * NANOS_PER_USD,
    amount_nanos=25 * NANOS_PER_USD,
    day_ceiling_nanos=100 * NANOS_PER_USD,
    month_ceiling_nanos=500 * NANOS_PER_USD,
)
"""What the form has before the customer chose anything."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision depends on, read at one moment."""

    settings: ReloadSettings
    is_suspended: bool
    has_card: bool
    startable_nanos: int
    has_open_payment: bool
    """An auto-reload's payment is under way, or waits for the customer to prove who they are."""
    charged_today_nanos: int
    """By auto-reloads since midnight, those under way among them."""
    charged_this_month_nanos: int
    failures: int
    """In a row."""
    stopped_at: datetime | None
    attempted_at: datetime | None
    switched_off: SwitchedOff | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    reason: ReloadReason
    amount_nanos: int = 0
    """To be charged, where it fires."""
    look_at: datetime
    """When it is worth looking again."""


def decide_reload(standing: Standing, *, now: datetime) -> Decision:
    """Whether to charge the card now.

    One payment closes the whole gap to the threshold, within what ceilings and the limit of a
    top-up leave; where they leave less than the amount that the customer chose, nothing is charged.
    """
    reason = _what_keeps_it(standing, now)
    if reason is ReloadReason.COOLING_DOWN:
        assert standing.attempted_at is not None
        ends = standing.attempted_at + cool_down(standing.failures)
        return Decision(reason=reason, look_at=min(ends, now + LOOK_AGAIN))
    if reason is not None:
        pause = LOOK_FOR_CARD_AGAIN if reason is ReloadReason.NO_CARD else LOOK_AGAIN
        return Decision(reason=reason, look_at=now + pause)
    wanted = max(standing.settings.amount_nanos, _gap_in_cents(standing) * NANOS_PER_CENT)
    return Decision(
        reason=ReloadReason.FIRED,
        amount_nanos=min(wanted, *_left(standing), TOP_UP_MAX_NANOS),
        look_at=now + cool_down(standing.failures),
    )


def cool_down(failures: int) -> timedelta:
    """How long the next attempt waits after the last one."""
    return COOL_DOWN_AFTER_FAILURE if failures else COOL_DOWN


def check_reload_settings(settings: ReloadSettings) -> ReloadSettings:
    """The settings, or InvalidAmount naming the field that nobody can mean."""
    check_top_up_amount(settings.amount_nanos, field="amount")
    figures = {
        "threshold": (settings.threshold_nanos, THRESHOLD_MIN_NANOS, TOP_UP_MAX_NANOS),
        "day_ceiling": (settings.day_ceiling_nanos, settings.amount_nanos, CEILING_MAX_NANOS),
        "month_ceiling": (
            settings.month_ceiling_nanos,
            settings.day_ceiling_nanos,
            CEILING_MAX_NANOS,
        ),
    }
    for field, (nanos, least, most) in figures.items():
        if nanos % NANOS_PER_CENT or not least <= nanos <= most:
            raise InvalidAmount(
                f"{field} must be whole cents, from ${format_usd(least)}{_MEANING[field]} to "
                f"${format_usd(most)}.",
                field=field,
            )
    return settings


_MEANING: Final = {
    "threshold": "",
    "day_ceiling": " (one reload: raise this, or lower the amount)",
    "month_ceiling": " (the ceiling of a day: raise this, or lower that one)",
}


def _what_keeps_it(standing: Standing, now: datetime) -> ReloadReason | None:
    left_today, left_this_month = _left(standing)
    one_more = standing.settings.amount_nanos
    checks = (
        (ReloadReason.OFF, not standing.settings.is_on),
        (ReloadReason.STOPPED, standing.stopped_at is not None),
        (ReloadReason.SUSPENDED, standing.is_suspended),
        (ReloadReason.NO_CARD, not standing.has_card),
        (ReloadReason.IN_FLIGHT, standing.has_open_payment),
        (ReloadReason.ENOUGH, standing.startable_nanos >= standing.settings.threshold_nanos),
        # Of those that pass by themselves, what takes the longest.
        (ReloadReason.MONTH_CEILING, left_this_month < one_more),
        (ReloadReason.DAY_CEILING, left_today < one_more),
        (ReloadReason.COOLING_DOWN, cools_down(standing, now)),
    )
    return next((reason for reason, holds in checks if holds), None)


def cools_down(standing: Standing, now: datetime) -> bool:
    """Whether the last attempt is not long ago."""
    attempted_at = standing.attempted_at
    return attempted_at is not None and now < attempted_at + cool_down(standing.failures)


def _left(standing: Standing) -> tuple[int, int]:
    """What the ceilings of day and month leave to be charged, in nanos."""
    settings = standing.settings
    return (
        settings.day_ceiling_nanos - standing.charged_today_nanos,
        settings.month_ceiling_nanos - standing.charged_this_month_nanos,
    )


def _gap_in_cents(standing: Standing) -> int:
    """From startable up to the threshold, the last cent begun counting whole."""
    gap = standing.settings.threshold_nanos - standing.startable_nanos
    return -(-gap // NANOS_PER_CENT)


class ReloadState(msgspec.Struct, frozen=True, kw_only=True):
    """An account's auto-reload as kept."""

    account_id: str
    settings: ReloadSettings
    failures: int
    stopped_at: datetime | None
    attempted_at: datetime | None
    switched_off: SwitchedOff | None = None


class ReloadCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking, one time or many times over with the same answer."""

    reason: ReloadReason
    first_at: datetime
    last_at: datetime
    startable_nanos: int
    """At the last of these times."""
    threshold_nanos: int
    payment_id: str | None
    """Begun, where it fired."""
