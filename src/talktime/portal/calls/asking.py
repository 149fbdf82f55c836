"""Which calls an address of the Calls page asks for, and addresses that ask for others."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

import msgspec

from talktime.core.account import Account, NumberMask
from talktime.core.call import BillingStatus, Outcome
from talktime.core.call_filter import SEARCH_MAX, CallFilter, CallOrder, search_for
from talktime.core.errors import InvalidAmount
from talktime.core.money import parse_usd
from talktime.core.ratecard import Channel
from talktime.ops.spend_days import day_end, day_start
from talktime.portal.days import read_day
from talktime.portal.figures import zone_of

SORTED_DAYS: Final = 30
"""How many days are sorted by cost or duration where no day is chosen."""


class Shown(StrEnum):
    """The billing statuses that a list can be of; each is a link."""

    ALL = "all"
    RUNNING = "running"
    CHARGED = "charged"
    FREE = "free"
    PENDING = "pending"

    @property
    def billing_status(self) -> BillingStatus | None:
        return {
            Shown.ALL: None,
            Shown.RUNNING: BillingStatus.PENDING,
            Shown.CHARGED: BillingStatus.CHARGED,
            Shown.FREE: BillingStatus.FREE,
            Shown.PENDING: BillingStatus.UNPRICED,
        }[self]


class CallsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What an address asks for."""

    wanted: CallFilter
    order: CallOrder
    shown: Shown
    fields: dict[str, str]
    """The parameters that narrow or sort the list, as they were understood."""
    errors: dict[str, str]
    """What is wrong with a field, by its name; such a list is empty."""
    is_last_days: bool
    """No first day was chosen, and the list is sorted: the last SORTED_DAYS are."""

    @property
    def is_narrowed(self) -> bool:
        """Some filter besides the billing status is set."""
        return any(name not in {"show", "sort"} for name in self.fields)


def read_asked(params: Mapping[str, str], account: Account, *, now: datetime) -> CallsAsked:
    """What the parameters ask for; days are days of the account's time zone.

    A choice that does not exist counts as none, a figure or a day that is none is an error.
    """
    fields = {
        name: text
        for name in _FIELDS
        if (text := params.get(name, "").strip()) and len(text) <= SEARCH_MAX and text.isprintable()
    }
    for name, choices in _CHOICES.items():
        if name in fields and fields[name] not in choices:
            del fields[name]
    errors: dict[str, str] = {}
    order = CallOrder(fields.get("sort", CallOrder.NEWEST))
    from_day, to_day = read_day(fields, "from", errors), read_day(fields, "to", errors)
    if from_day and to_day and to_day < from_day:
        errors["to"] = "The last day lies before the first."
    is_last_days = order is not CallOrder.NEWEST and from_day is None
    if is_last_days:
        from_day = _days_before(
            to_day or now.astimezone(zone_of(account.time_zone)).date(), SORTED_DAYS
        )
    min_nanos, max_nanos = _usd(fields, "min", errors), _usd(fields, "max", errors)
    if min_nanos is not None and max_nanos is not None and max_nanos < min_nanos:
        errors["max"] = "This is less than the lowest cost."
    shown = Shown(fields.get("show", Shown.ALL))
    is_masked = account.number_mask is not NumberMask.FULL
    return CallsAsked(
        wanted=CallFilter(
            channel=Channel(fields["channel"]) if "channel" in fields else None,
            outcome=Outcome(fields["outcome"]) if "outcome" in fields else None,
            billing_status=shown.billing_status,
            agent_id=fields.get("agent"),
            from_time=None if from_day is None else day_start(from_day, account.time_zone),
            to_time=None if to_day is None else day_end(to_day, account.time_zone),
            min_nanos=min_nanos,
            max_nanos=max_nanos,
            search=search_for(fields["q"], is_masked=is_masked) if "q" in fields else None,
        ),
        order=order,
        shown=shown,
        fields=fields,
        errors=errors,
        is_last_days=is_last_days,
    )


def list_href(
    base: str,
    fields: Mapping[str, str],
    changed: Mapping[str, str] | None = None,
    *,
    page: str = "/calls",
) -> str:
    """The address of the list with some parameters changed; an empty one is taken away."""
    kept = {**fields, **(changed or {})}
    asked = urlencode({name: text for name, text in kept.items() if text})
    return f"{base}{page}?{asked}" if asked else f"{base}{page}"


_FIELDS: Final = ("q", "show", "channel", "outcome", "agent", "from", "to", "min", "max", "sort")
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "show": frozenset(one.value for one in Shown if one is not Shown.ALL),
    "channel": frozenset(one.value for one in Channel),
    "outcome": frozenset(one.value for one in Outcome),
    "sort": frozenset(one.value for one in CallOrder if one is not CallOrder.NEWEST),
}


def _usd(fields: Mapping[str, str], name: str, errors: dict[str, str]) -> int | None:
    if name not in fields:
        return None
    try:
        nanos = parse_usd(fields[name].removeprefix("$").strip(), field=name)
    except InvalidAmount:
        errors[name] = "This is no amount in dollars: write it as 0.25."
        return None
    if nanos < 0:
        errors[name] = "A call costs nothing or more."
    return nanos


def _days_before(day: date, days: int) -> date | None:
    try:
        return day - timedelta(days=days)
    except OverflowError:  # the calendar ends there, and no call lies beyond it
        return None
