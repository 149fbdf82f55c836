"""What an operator is to hear of money that went back, though it was taken as it was told."""

from collections.abc import Mapping
from typing import Final

import structlog

log = structlog.get_logger("talktime.payments")

_ERRORS: Final[Mapping[str, str]] = {
    "overdrawn": (
        "more went back of a payment than was paid: the ledger says so too, look at it with the "
        "provider"
    ),
    "taken_again": (
        "a dispute was taken again after it was given again, and nothing more is debited by "
        "itself: see the provider's dashboard, and correct the balance by an adjustment"
    ),
}
_WARNINGS: Final[Mapping[str, str]] = {
    "never_credited": "this money went back and was never credited: no balance is touched",
    "doubted": "what a dispute gave again is not clear: the provider is asked",
}


def sound_alarm(verdict: str, **ids: str) -> None:
    """Log what a verdict means for an operator; most mean nothing."""
    if verdict in _ERRORS:
        log.error(_ERRORS[verdict], **ids)
    elif verdict in _WARNINGS:
        log.warning(_WARNINGS[verdict], **ids)
