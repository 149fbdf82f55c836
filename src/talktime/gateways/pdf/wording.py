"""Dates and amounts as papers have them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from talktime.core.document import Party
from talktime.core.ledger import EntryKind
from talktime.core.money import MARGIN_SCALE, display_usd, format_usd
from talktime.core.ratecard import SERVICE_NAMES
from talktime.core.statement import FINEST_NANOS, Statement

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

ENTRIES: Final[Mapping[EntryKind, tuple[str, str]]] = {
    EntryKind.WELCOME_BONUS: ("Welcome bonus", "Welcome bonus"),
    EntryKind.COUPON: ("Coupon", "Coupons"),
    EntryKind.TOP_UP: ("Top-up", "Top-ups"),
    EntryKind.REFUND: ("Refund", "Refunds"),
    EntryKind.REFUND_REVERSED: ("Refund came back", "Refunds that came back"),
    EntryKind.CHARGEBACK: ("Chargeback", "Chargebacks"),
    EntryKind.CHARGEBACK_REVERSED: ("Chargeback reversed", "Chargebacks reversed"),
    EntryKind.CALL: ("Call", "Calls"),
    EntryKind.ADJUSTMENT: ("Adjustment", "Adjustments"),
}
"""One of a kind, and several."""
USAGE: Final = (*SERVICE_NAMES.values(), "Margin")
"""In the order of a statement's usage."""


def day(at: datetime, zone: str) -> str:
    """ "23 November 2026" """
    local = at.astimezone(_zone(zone))
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"


def month_words(month: date) -> str:
    return f"{MONTHS[month.month - 1]} {month.year}"


def signed(nanos: int) -> str:
    """An amount that moves a balance: "+$10.00", and less with a real minus sign."""
    return f"+{display_usd(nanos)}" if nanos > 0 else display_usd(nanos)


def rate(ppm: int) -> str:
    """ "19 %", "7.7 %" """
    whole, fraction = divmod(ppm * 100, MARGIN_SCALE)
    decimals = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{whole}{decimals}\N{NO-BREAK SPACE}%"


def entries_words(kind: EntryKind) -> str:
    """What several entries of a kind are called."""
    return _words(kind)[1]


def entry_words(kind: EntryKind) -> str:
    """What one entry of a kind is called."""
    return _words(kind)[0]


def exact_words(statement: Statement) -> str:
    """Opening and closing to the last decimal, where what is shown is rounded; otherwise ""."""
    opening, closing = statement.opening_nanos, statement.closing_nanos
    if opening % FINEST_NANOS == closing % FINEST_NANOS == 0:
        return ""
    return (
        f"Rounded to six decimals that add up. Exactly, the balance went from "
        f"{_exact_usd(opening)} to {_exact_usd(closing)}."
    )


def _exact_usd(nanos: int) -> str:
    """Every decimal, thousands apart, below zero with a real minus sign: "$4,175.846334871"."""
    whole, _, decimals = format_usd(abs(nanos)).partition(".")
    sign = "\N{MINUS SIGN}" if nanos < 0 else ""
    return f"{sign}${int(whole):,}.{decimals:0<2}"


def party_facts(party: Party) -> dict[str, object]:
    """A seller or buyer, for a template."""
    return {
        "name": party.name,
        "address": party.address,
        "tax_id": party.tax_id,
        "email": party.email,
    }


def _words(kind: EntryKind) -> tuple[str, str]:
    plain = kind.value.replace("_", " ").capitalize()
    return ENTRIES.get(kind) or (plain, plain + "s")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
