"""What an operator is to hear of money that went back, though it was taken as it was told."""

from collections.abc import Mapping
from typing import Final

import structlog

log = structlog.get_logger("talktime.payments")

_WARNINGS: Final[Mapping[str, str]] = {
    "never_credited": "this money went back and was never credited: no balance is touched",
    "doubted": "what a dispute gave again is not clear: the provider is asked",
}


def sound_alarm(verdict: str, **ids: str) -> None:
    """Log what a verdict means for an operator; most mean nothing."""
    if verdict == "overdrawn":
        log.error(
            "more went back of a payment than was paid: the ledger says so too, look at it with "
            "the provider",
            **ids,
        )
    elif verdict in _WARNINGS:
        log.warning(_WARNINGS[verdict], **ids)
