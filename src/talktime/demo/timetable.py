"""Who calls when: the same afternoon every time, for the dice are seeded."""

from collections.abc import Iterable
from random import Random
from typing import Final

import msgspec

from talktime.demo.agents import (
    AFTER_HOURS,
    CHAT,
    CONCIERGE,
    FRONT_DESK,
    RECALL,
    WEB_WIDGET,
    Agent,
    conversation,
)
from talktime.demo.recordings import Increment

SEED: Final = 20261123

CRASHED_CALL: Final = "crash-1"
PRACTICE_NUMBER: Final = "+12025550100"


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it is going to take place; times in seconds of the story."""

    at: float
    call_id: str
    about: str
    """One clause for the terminal: who calls, and what for."""
    agent: Agent
    seconds: float
    increments: tuple[Increment, ...] = ()
    outcome: str = "completed"
    reason: str | None = None
    caller: str | None = None

    @property
    def numbers(self) -> tuple[str | None, str | None]:
        """(from, to)"""
        if self.agent.direction == "outbound":
            return PRACTICE_NUMBER, self.caller
        return self.caller, PRACTICE_NUMBER if self.caller else None


def opening(dice: Random) -> list[Booking]:
    """The first half minute: every channel, and the ways in which a call is free."""
    return [
        _talk(
            dice,
            3.0,
            "web-1",
            about="a visitor of the website asks about whitening",
            agent=WEB_WIDGET,
            seconds=28,
        ),
        _talk(
            dice,
            5.0,
            "wa-1",
            about="a patient calls over WhatsApp",
            agent=AFTER_HOURS,
            seconds=20,
        ),
        _talk(
            dice,
            6.0,
            "chat-1",
            about="somebody chats about opening hours",
            agent=CHAT,
            seconds=18,
        ),
        _talk(
            dice,
            8.0,
            "out-1",
            about="a reminder call reaches a voicemail box",
            agent=RECALL,
            seconds=12,
            outcome="voicemail",
            reason="message left",
        ),
        _ring(
            dice, 9.0, "out-2", about="a reminder call meets a busy line", outcome="busy", seconds=2
        ),
        _ring(
            dice,
            11.0,
            "out-3",
            about="a reminder call rings and rings",
            outcome="no_answer",
            seconds=6,
        ),
        _ring(
            dice, 13.0, "out-4", about="a reminder call is declined", outcome="rejected", seconds=3
        ),
        _ring(
            dice,
            15.0,
            "out-5",
            about="the carrier cannot connect a reminder call",
            outcome="failed",
            seconds=1,
            reason="SIP 503",
        ),
    ]


_APPOINTMENT: Final = "a new patient asks for an appointment"
_REMINDER: Final = "a patient is reminded of a check-up"
_NIGHT: Final = "a patient asks about pain at night"
_CONCIERGE: Final = "a visitor asks the concierge, on Claude Opus: a dozen times the price"

_BUSY_HOUR: Final = (
    (FRONT_DESK, _APPOINTMENT, 41.0),
    (CONCIERGE, _CONCIERGE, 24.0),
    (RECALL, _REMINDER, 14.0),
    (CONCIERGE, _CONCIERGE, 33.0),
    (AFTER_HOURS, _NIGHT, 16.0),
    (CONCIERGE, _CONCIERGE, 30.0),
    (FRONT_DESK, _APPOINTMENT, 20.0),
    (CONCIERGE, _CONCIERGE, 37.0),
    (RECALL, _REMINDER, 34.0),
    (CONCIERGE, _CONCIERGE, 22.0),
    (AFTER_HOURS, _NIGHT, 18.0),
    (CONCIERGE, _CONCIERGE, 35.0),
    (FRONT_DESK, _APPOINTMENT, 33.0),
    (CONCIERGE, _CONCIERGE, 33.0),
    (RECALL, _REMINDER, 32.0),
    (CONCIERGE, _CONCIERGE, 30.0),
    (AFTER_HOURS, _NIGHT, 34.0),
    (CONCIERGE, _CONCIERGE, 33.0),
    (FRONT_DESK, _APPOINTMENT, 35.0),
    (CONCIERGE, _CONCIERGE, 33.0),
)
"""Agent, what for, and seconds: so that every few seconds some call ends."""


def campaign(dice: Random) -> list[Booking]:
    """A busy hour in a minute: more than a dozen calls at a time."""
    return [
        _talk(dice, 20.0 + 1.5 * n, f"hour-{n + 1}", about=about, agent=agent, seconds=seconds)
        for n, (agent, about, seconds) in enumerate(_BUSY_HOUR)
    ]


CRASH_AT: Final = 12.0
KILLED_AFTER: Final = 7.0
"""Seconds of the story: when the bot begins that is killed, and how long it talks."""


def crash(dice: Random) -> Booking:
    """A call whose bot is going to be killed while it talks."""
    about = "a patient moves an appointment"
    return _talk(dice, 0.0, CRASHED_CALL, about=about, agent=FRONT_DESK, seconds=60)


LAST_CALL_BEFORE_BURST: Final = 20.0
"""Seconds that the last call talks before it has the account for itself."""


def last_call(dice: Random) -> Booking:
    """A long call that is still running when the money is gone."""
    about = "a long call with the concierge begins; it will outlast the money"
    return _talk(dice, 60.0, "long-1", about=about, agent=CONCIERGE, seconds=600)


def burst(dice: Random, count: int) -> list[Booking]:
    """Calls that all begin at the same moment."""
    return [
        _talk(
            dice,
            0.0,
            f"burst-{n + 1}",
            about="",
            agent=WEB_WIDGET,
            seconds=dice.uniform(7.0, 9.0),
        )
        for n in range(count)
    ]


def late_caller(n: int) -> Booking:
    """Somebody who calls when there is no money left."""
    return Booking(
        at=0.0,
        call_id=f"late-{n}",
        about="one more patient calls",
        agent=FRONT_DESK,
        seconds=2.0,
        caller="+12025550187",
    )


def _talk(
    dice: Random,
    at: float,
    call_id: str,
    *,
    about: str,
    agent: Agent,
    seconds: float,
    outcome: str = "completed",
    reason: str | None = None,
) -> Booking:
    return Booking(
        at=at,
        call_id=call_id,
        about=about,
        agent=agent,
        seconds=seconds,
        increments=in_order(conversation(agent, seconds, dice)),
        outcome=outcome,
        reason=reason,
        caller=_number(dice) if agent.direction else None,
    )


def _ring(
    dice: Random,
    at: float,
    call_id: str,
    *,
    about: str,
    outcome: str,
    seconds: float,
    reason: str | None = None,
) -> Booking:
    return Booking(
        at=at,
        call_id=call_id,
        about=about,
        agent=RECALL,
        seconds=seconds,
        outcome=outcome,
        reason=reason,
        caller=_number(dice),
    )


def in_order(increments: Iterable[Increment]) -> tuple[Increment, ...]:
    """By time, which is how a bot comes to know of them."""
    return tuple(sorted(increments, key=lambda one: one.t))


def _number(dice: Random) -> str:
    return f"+1202555{dice.randint(101, 199):04d}"
