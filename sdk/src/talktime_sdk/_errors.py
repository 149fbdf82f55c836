"""What can go wrong, as one tree; it is drawn in the package docstring."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


class TalktimeError(Exception):
    """Everything this package raises on its own account."""


class InvalidUsage(TalktimeError, ValueError):
    """What you gave cannot be sent: an unknown quantity, a float where money is meant, a line
    that the call's channel cannot have. Raised where you gave it, before anything is counted."""


class WrongState(TalktimeError, RuntimeError):
    """The call is not in the state that this act needs: not started yet, refused, or over."""


class CallOver(WrongState):
    """The call id belongs to a call that has already ended. A new conversation needs a new id."""


class Unreachable(TalktimeError):
    """No answer came within the bounded number of attempts.

    The act may or may not have happened. Doing it again with the same ids and facts is safe.
    """


class UnexpectedAnswer(TalktimeError):
    """An answer came that is not Talktime's: a proxy's page, a cut-off body, an internal error."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class Refusal(TalktimeError):
    """Talktime understood, and said no, with a ``code`` that stays the same between versions.

    ``field`` names the part of the input that is wrong, ``facts`` holds every further member of
    the answer as it came. ``after_lost_answer`` is true when an earlier attempt of the same act
    went out without an answer: a conflict may then be the trace of our own success.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        field: str | None = None,
        facts: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        after_lost_answer: bool = False,
    ) -> None:
        super().__init__(f"{message} [{code}]")
        self.status = status
        self.code = code
        self.field = field
        self.facts: Mapping[str, Any] = facts or {}
        self.retry_after = retry_after
        self.after_lost_answer = after_lost_answer


class InvalidRequest(Refusal):
    """400, 413: a field is wrong, see ``field``; nothing was written."""


class Unauthenticated(Refusal):
    """401: no key, or one that the server does not know."""


class InsufficientCredits(Refusal):
    """402: the account cannot start a call. All four amounts are USD.

    ``startable`` is ``available`` minus what running calls hold (``held``), and it is below
    ``floor``. A figure that the answer left out is None.
    """

    available: Decimal | None = None
    held: Decimal | None = None
    startable: Decimal | None = None
    floor: Decimal | None = None


class Forbidden(Refusal):
    """403: the key lacks the right, or is for another account."""


class AccountSuspended(Forbidden):
    """403: the operator has suspended the account."""


class NotFound(Refusal):
    """404: no such account, call or coupon; ``code`` says which."""


class Conflict(Refusal):
    """409: contradicts what is already recorded; ``code`` says how."""


class Gone(Refusal):
    """410: a coupon or link whose time is over."""


class Overloaded(Refusal):
    """408, 429, 502, 503, 504: try again, not before ``retry_after`` seconds where it is given."""
