"""The story in the terminal: what the bots tell, in plain sentences."""

from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from talktime.core.call import FreeReason, Outcome
from talktime.core.money import parse_usd
from talktime.portal.figures import duration, exact_usd
from talktime.portal.words import FREE_REASONS, OUTCOMES


class TalkedCall(msgspec.Struct, frozen=True, kw_only=True):
    """What the narrator needs of a receipt."""

    call_id: str
    channel: str
    outcome: str
    billing_status: str
    free_reason: str | None = None
    reason: str | None = None
    duration_seconds: Decimal | None = None
    charge: Decimal | None = None
    promo_charged: Decimal | None = None
    paid_charged: Decimal | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bot's."""

    t: float
    what: str
    call_id: str = ""
    about: str = ""
    call: TalkedCall | None = None
    count: int = 0
    admitted: int = 0
    available: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    startable: Decimal = Decimal(0)
    floor: Decimal = Decimal(0)


class Narrator:
    """Writes the story, and counts what no table of the database keeps for it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.refused = 0
        self.troubles = 0

    def say(self, text: str, *, style: str = "", t: float | None = None) -> None:
        """One sentence, with the story's time in front if there is one."""
        line = Text()
        clock = "" if t is None else f"{int(t) // 60}:{int(t) % 60:02d}"
        line.append(f"{clock:>5}  ", style="dim")
        line.append(text, style=style)
        self._console.print(line, soft_wrap=True)

    def hear(self, line: bytes) -> Told:
        """Take one line of a bot's and tell it on."""
        told = msgspec.json.decode(line, type=Told)
        tell: dict[str, Any] = {
            "calling": self._calling,
            "ended": self._ended,
            "refused": self._refused,
            "rush": self._rush,
            "rushed": self._rushed,
            "alone": self._alone,
            "floor": self._floor,
            "trouble": self._trouble,
        }
        tell[told.what](told)
        return told

    def _calling(self, told: Told) -> None:
        self.say(f"☎ {told.call_id}: {told.about}", t=told.t)

    def _ended(self, told: Told) -> None:
        call = told.call
        assert call is not None
        seconds = (
            "" if call.duration_seconds is None else f" after {_length(call.duration_seconds)}"
        )
        how = f"{OUTCOMES[Outcome(call.outcome)].lower()}{seconds}"
        if call.reason:
            how += f" ({call.reason})"
        balance = f"balance {_usd(told.available)}"
        if call.billing_status == "free":
            why = FREE_REASONS[FreeReason(call.free_reason)] if call.free_reason else ""
            self.say(f"  {call.call_id} {how}: free, {why}; {balance}", style="green", t=told.t)
        elif call.charge is None:
            self.say(f"  {call.call_id} {how}: the price is pending", style="yellow", t=told.t)
        else:
            self.say(
                f"  {call.call_id} {how}: {_usd(call.charge)}{_borne(call)}; {balance}",
                style="cyan",
                t=told.t,
            )

    def _refused(self, told: Told) -> None:
        self.refused += 1
        self.say(
            f"  {told.call_id} refused (402 insufficient_credits): {_usd(told.startable)} can be "
            f"started with, {_usd(told.floor)} is needed; running calls hold {_usd(told.held)}",
            style="red",
            t=told.t,
        )

    def _rush(self, told: Told) -> None:
        self.say(
            f"☎ {told.count} calls arrive at the same moment, with {_usd(told.startable)} that "
            "can be started with",
            style="bold",
            t=told.t,
        )

    def _rushed(self, told: Told) -> None:
        self.refused += told.count - told.admitted
        self.say(
            f"  {told.admitted} of them got in, each holding $0.10, and have talked; the other "
            f"{told.count - told.admitted} were refused at once; balance {_usd(told.available)}",
            style="red",
            t=told.t,
        )

    def _alone(self, told: Told) -> None:
        self.say(
            f"  Only {told.call_id} goes on now: on Calls its cost so far grows, and on Billing "
            "less and less can be started with.",
            t=told.t,
        )

    def _floor(self, told: Told) -> None:
        self.say(
            f"! The running call {told.call_id} leaves {_usd(told.startable)}, less than the "
            "$0.10 that a new call needs. It is not cut off.",
            style="bold yellow",
            t=told.t,
        )

    def _trouble(self, told: Told) -> None:
        self.troubles += 1
        self.say(f"! {told.call_id}: {told.about}", style="bold red", t=told.t)


def _borne(call: TalkedCall) -> str:
    if not call.promo_charged:
        return " from paid"
    if not call.paid_charged:
        return " from promo"
    return f", {_usd(call.promo_charged)} of it from promo and {_usd(call.paid_charged)} from paid"


def _length(seconds: Decimal) -> str:
    return duration(int(seconds * 1000))


def _usd(amount: Decimal) -> str:
    return exact_usd(parse_usd(f"{amount:f}", field="amount"))
