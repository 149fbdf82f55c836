"""The filters of the Calls page: what can be chosen, what is chosen, and how to take it away."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from talktime.core.call import Outcome
from talktime.core.call_filter import CallOrder
from talktime.core.ratecard import Channel
from talktime.portal import words
from talktime.portal.calls.asking import SORTED_DAYS, CallsAsked, Shown, list_href
from talktime.portal.chips import Chip
from talktime.portal.figures import day_name


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of several; ``href`` where it is a link."""

    value: str
    name: str
    is_chosen: bool
    href: str = ""


class FilterView(msgspec.Struct, frozen=True, kw_only=True):
    shown: tuple[Choice, ...]
    channels: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    orders: tuple[Choice, ...]
    agents: tuple[str, ...]
    chips: tuple[Chip, ...]
    fields: dict[str, str]
    errors: dict[str, str]
    is_open: bool
    """Something in it is wrong, so it stands open."""
    note: str
    """What the sorting left out; empty where it left out nothing."""
    clear_href: str


SHOWN: Final = {
    Shown.ALL: "All",
    Shown.RUNNING: "Running",
    Shown.CHARGED: "Charged",
    Shown.FREE: "Free",
    Shown.PENDING: "Price pending",
}
ORDERS: Final = {
    CallOrder.NEWEST: "Newest first",
    CallOrder.DEAREST: "Dearest first",
    CallOrder.CHEAPEST: "Cheapest first",
    CallOrder.LONGEST: "Longest first",
    CallOrder.SHORTEST: "Shortest first",
}


def filter_view(asked: CallsAsked, agents: Sequence[str], base: str) -> FilterView:
    fields = asked.fields
    note = ""
    if asked.is_last_days:
        which = (
            f"{SORTED_DAYS} days up to the last day chosen" if "to" in fields else "last 30 days"
        )
        note = f"Sorted: the calls of the {which}. Choose a first day to look further back."
    return FilterView(
        shown=tuple(
            Choice(
                value=one.value,
                name=name,
                is_chosen=one is asked.shown,
                href=list_href(base, fields, {"show": "" if one is Shown.ALL else one.value}),
            )
            for one, name in SHOWN.items()
        ),
        channels=_choices({one.value: words.CHANNELS[one] for one in Channel}, fields, "channel"),
        outcomes=_choices({one.value: words.OUTCOMES[one] for one in Outcome}, fields, "outcome"),
        orders=tuple(
            Choice(
                value="" if one is CallOrder.NEWEST else one.value,
                name=name,
                is_chosen=one is asked.order,
            )
            for one, name in ORDERS.items()
        ),
        agents=tuple(agents),
        chips=tuple(
            Chip(text=_chip(name, text), href=list_href(base, fields, {name: ""}))
            for name, text in fields.items()
            if name != "show"
        ),
        fields=fields,
        errors=asked.errors,
        is_open=bool(asked.errors),
        note=note,
        clear_href=list_href(base, {}),
    )


def _choices(names: dict[str, str], fields: dict[str, str], field: str) -> tuple[Choice, ...]:
    return tuple(
        Choice(value=value, name=name, is_chosen=fields.get(field) == value)
        for value, name in names.items()
    )


def _chip(name: str, text: str) -> str:
    return {
        "q": f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}",
        "channel": words.CHANNELS.get(Channel(text)) if name == "channel" else None,
        "outcome": words.OUTCOMES.get(Outcome(text)) if name == "outcome" else None,
        "agent": f"Agent {text}",
        "from": f"From {_day(text)}",
        "to": f"Until {_day(text)}",
        "min": f"At least {_dollars(text)}",
        "max": f"At most {_dollars(text)}",
        "sort": ORDERS.get(CallOrder(text)) if name == "sort" else None,
    }[name] or text


def _day(text: str) -> str:
    """As people write it; as it was asked for where it is no day."""
    try:
        return day_name(date.fromisoformat(text))
    except ValueError:
        return text


def _dollars(text: str) -> str:
    return f"${text.removeprefix('$').strip()}"
