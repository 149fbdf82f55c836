"""The head of the Billing page: the balance and what it means, the month, the talk time left."""

from collections import Counter
from datetime import datetime

import msgspec

from talktime.core.account import AccountStatus
from talktime.core.money import display_usd
from talktime.core.ratecard import Channel
from talktime.core.talk_time import Pace, spoken_chats, spoken_duration
from talktime.ops.billing import Billing
from talktime.portal import words
from talktime.portal.billing.under_way import UnderWay, under_way
from talktime.portal.figures import (
    MONTHS,
    exact_usd,
    shown_nanos,
    shown_split,
    told_usd,
    zone_of,
)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer must know now, and the one next step."""

    tone: str
    """stop or warn."""
    title: str
    text: str
    asks_for_credit: bool = True
    """Whether adding credit helps; the page then says how."""


class TalkTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long the balance lasts on the kinds of calls that the account makes."""

    headline: str
    """ "About 42 minutes", or that it is not known or that no call can start."""
    rest: str
    """A sentence that goes on from it, or stands beside it."""
    others: tuple[str, ...] = ()
    """The same for other agents, in a line each."""


class SummaryView(msgspec.Struct, frozen=True, kw_only=True):
    """Where the account stands."""

    available: str
    is_negative: bool
    promo: str
    paid: str
    reserved: str
    """On its way back to the cards; empty where nothing is."""
    held: str
    """How much is set aside for what."""
    held_rest: str
    """What becomes of it."""
    month: str
    month_name: str
    month_rest: str
    """This month beside the last."""
    talk_time: TalkTime
    notice: Notice | None
    under_way: UnderWay | None


def summary_view(
    billing: Billing, *, floor_nanos: int, now: datetime, may_spend: bool, base: str = ""
) -> SummaryView:
    account = billing.account
    held, held_rest = _held(billing)
    parts = (account.promo_nanos, account.paid_nanos)
    promo, paid = shown_split(parts, shown_nanos(sum(parts)))
    month = billing.month.month
    return SummaryView(
        available=display_usd(account.available_nanos),
        is_negative=account.available_nanos < 0,
        promo=display_usd(promo),
        paid=display_usd(paid),
        reserved=display_usd(-account.refund_reserved_nanos)
        if account.refund_reserved_nanos
        else "",
        held=held,
        held_rest=held_rest,
        month=display_usd(account.month_to_date_nanos),
        month_name=f"{MONTHS[month.month - 1]} {month.year}",
        month_rest=_month_rest(billing, now),
        talk_time=_talk_time(billing, floor_nanos),
        notice=_notice(billing, floor_nanos),
        under_way=under_way(billing.open_moves, base=base, may_spend=may_spend),
    )


def _month_rest(billing: Billing, now: datetime) -> str:
    month = billing.month
    last = MONTHS[month.last_month.month - 1]
    whole, at_point = month.last_whole_nanos, month.last_at_this_point_nanos
    if not whole:
        zone = zone_of(billing.account.zone_at(now))
        if billing.account.created_at.astimezone(zone).date() >= month.month:
            return "so far, in your first month here."
        return f"so far. Nothing was used in {last}."
    if at_point == whole:
        return f"so far; {told_usd(whole)} in all of {last}."
    return (
        f"so far; {told_usd(at_point)} at the same point of {last}, {told_usd(whole)} in all of it."
    )


def _talk_time(billing: Billing, floor_nanos: int) -> TalkTime:
    account = billing.account
    if account.status is AccountStatus.SUSPENDED:
        return TalkTime(headline="No new call can start", rest="while the account is suspended.")
    if account.startable_nanos < floor_nanos:
        apart = " that is not set aside" if account.held_nanos else ""
        return TalkTime(
            headline="No new call can start",
            rest=f"Each needs at least {exact_usd(floor_nanos)}{apart}.",
        )
    if not billing.paces:
        return TalkTime(
            headline="Not known yet",
            rest="How long your balance lasts is shown here after your first charged call.",
        )
    agents = Counter(pace.agent_id for pace in billing.paces if pace.agent_id)
    first, *others = billing.paces
    last = "last charged call" if first.calls == 1 else f"last {first.calls} charged calls"
    if first.channel is Channel.CHAT:
        last = "last charged chat" if first.calls == 1 else f"last {first.calls} charged chats"
    return TalkTime(
        headline=_left(first, account.startable_nanos).capitalize(),
        rest=f"on {_agent(first, agents)}, going by its {last}.",
        others=tuple(
            f"{_left(pace, account.startable_nanos).capitalize()} on {_agent(pace, agents)}"
            for pace in others
        ),
    )


def _left(pace: Pace, startable_nanos: int) -> str:
    """A chat is counted, not timed: most of its time it waits."""
    if pace.channel is not Channel.CHAT:
        return spoken_duration(pace.ms_left(startable_nanos))
    return spoken_chats(pace.calls_left(startable_nanos))


def _agent(pace: Pace, agents: Counter[str]) -> str:
    if not pace.agent_id:
        return f"your {_KINDS[pace.channel]} agent"
    return pace.agent_id + (_BY[pace.channel] if agents[pace.agent_id] > 1 else "")


_KINDS = {
    Channel.PHONE: "phone",
    Channel.WEB: "web",
    Channel.WHATSAPP: "WhatsApp",
    Channel.CHAT: "chat",
}
_BY = {
    Channel.PHONE: " by phone",
    Channel.WEB: " on the web",
    Channel.WHATSAPP: " on WhatsApp",
    Channel.CHAT: " by chat",
}


def _held(billing: Billing) -> tuple[str, str]:
    held = billing.account.held_nanos
    if not held:
        calls = " for calls" if billing.account.refund_reserved_nanos else ""
        return f"Nothing is set aside{calls}", "No call is running."
    until = "the call ends"
    if billing.waiting_calls:
        until = "the price is known"
    if billing.running_calls and billing.waiting_calls:
        until = "each call is settled"
    elif billing.running_calls + billing.waiting_calls > 1:
        until = f"{until} for each" if billing.waiting_calls else "each call ends"
    return (
        f"{display_usd(held)} set aside for {_holders(billing)}",
        f"It stays yours until {until}; then only the cost is taken.",
    )


def _holders(billing: Billing) -> str:
    kinds = []
    if billing.running_calls:
        kinds.append(words.counted(billing.running_calls, "running call"))
    if billing.waiting_calls:
        kinds.append(f"{words.counted(billing.waiting_calls, 'call')} waiting for a price")
    # Counts and balances are read one after the other, so a call may be just about to show up.
    return " and ".join(kinds) or "calls"


def _notice(billing: Billing, floor_nanos: int) -> Notice | None:
    account = billing.account
    floor = exact_usd(floor_nanos)
    if account.status is AccountStatus.SUSPENDED:
        return Notice(
            tone="stop",
            title="This account is suspended",
            text="New calls are refused; running calls finish. Ask support what to do.",
            asks_for_credit=False,
        )
    if account.available_nanos < floor_nanos:
        below = "below zero" if account.available_nanos < 0 else f"below {floor}"
        debt = (
            f" The next paid credit covers the {display_usd(-account.paid_nanos)} owed first."
            if account.paid_nanos < 0
            else ""
        )
        return Notice(
            tone="stop",
            title=f"Your balance is {below}",
            text=f"New calls are refused; running calls finish.{debt}{_refused(billing)}",
        )
    if account.startable_nanos < floor_nanos:
        return Notice(
            tone="warn",
            title="No new call can start just now",
            text=(
                f"A new call needs {floor}. Of your {display_usd(account.available_nanos)}, "
                f"{display_usd(account.held_nanos)} is set aside for {_holders(billing)}; what "
                f"is not used of it comes back afterwards.{_refused(billing)}"
            ),
        )
    # A welcome bonus below the level has not run low: nobody is warned of a beginning.
    if billing.has_fallen and account.available_nanos < account.warning_level_nanos:
        return Notice(
            tone="warn",
            title=f"Your balance is below {display_usd(account.warning_level_nanos)}",
            text=f"Below {floor} new calls are refused.{_refused(billing)}",
        )
    return None


def _refused(billing: Billing) -> str:
    if not billing.refused_calls:
        return ""
    were = "was" if billing.refused_calls == 1 else "were"
    count = words.counted(billing.refused_calls, "new call")
    return f" {count} {were} refused in the last 24 hours."
