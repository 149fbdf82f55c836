"""When to try again, as data: no clock, no sleep and no dice in here."""

from collections.abc import Callable

import msgspec

RETRYABLE_STATUSES = frozenset({408, 429, 502, 503, 504})


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Bounded attempts with full jitter. Connect errors, timeouts, cut-off answers and
    ``statuses`` are tried again, always with the same ids and facts.

    One act lasts at most ``attempts`` times the client's timeout plus the pauses between them.
    """

    attempts: int = 4
    first_delay: float = 0.2
    """Seconds; the upper bound of the first pause. It doubles with each failure."""
    max_delay: float = 5.0
    """Seconds; no jittered pause is longer."""
    max_retry_after: float = 30.0
    """Seconds; when the server asks for a longer pause, the act fails at once instead."""
    statuses: frozenset[int] = RETRYABLE_STATUSES

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts counts the first try too: it is at least 1")
        if min(self.first_delay, self.max_delay, self.max_retry_after) < 0:
            raise ValueError("a pause cannot be negative")

    def pause(
        self, failures: int, *, dice: Callable[[], float], retry_after: float | None = None
    ) -> float:
        """Seconds to wait after that many failures in a row (1 or more).

        ``dice`` gives a number in [0, 1). What the server asked for is a lower bound.
        """
        # The exponent is capped, as 2.0 ** 1100 would overflow in a very long outage.
        ceiling = min(self.max_delay, self.first_delay * 2.0 ** min(failures - 1, 60))
        return max(retry_after or 0.0, dice() * ceiling)

    def gives_up(self, failures: int, *, retry_after: float | None = None) -> bool:
        """Whether that many failures in a row are enough."""
        return failures >= self.attempts or (retry_after or 0.0) > self.max_retry_after
