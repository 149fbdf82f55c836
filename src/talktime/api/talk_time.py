"""How long the money lasts, estimated without a query per start.

The pace of an account's calls on a channel is read once, then kept up with by the calls that end
here; it is read anew now and then, as calls may also end elsewhere.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from talktime.api.batcher import Batcher
from talktime.core.call import BillingStatus, Call
from talktime.core.errors import Overloaded, TalktimeError
from talktime.core.ratecard import Channel
from talktime.ops.call_history import PastCall, past_calls, talk_time_left_seconds
from talktime.ops.call_start import Admission
from talktime.ops.paces import PACE_CALLS
from talktime.ops.platform import Platform

TTL_SECONDS: Final = 300.0
PACES_MAX: Final = 20_000

PaceKey = tuple[str, Channel]


class _Pace(msgspec.Struct):
    past: deque[PastCall]
    until: float


class TalkTime:
    """Estimates for starts; one per process."""

    def __init__(
        self, platform: Platform, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._platform = platform
        self._monotonic = monotonic
        self._paces: dict[PaceKey, _Pace] = {}
        self._reader: Batcher[PaceKey, Sequence[PastCall]] = Batcher("talk time", self._read)

    async def left_seconds(self, admission: Admission, channel: Channel) -> int | None:
        """How long an admitted call can go on; None where nothing tells."""
        key = (admission.account_id, channel)
        pace = self._paces.get(key)
        past: Sequence[PastCall]
        if pace is not None and self._monotonic() < pace.until:
            past = pace.past
        else:
            try:
                found = await self._reader.submit(key)
            except Overloaded:
                return None
            # An estimate is not worth refusing an admitted call for.
            past = () if isinstance(found, TalktimeError) else found
        return talk_time_left_seconds(admission.startable_nanos + admission.hold_nanos, past)

    def take(self, call: Call) -> None:
        """Count a call that ended here."""
        if call.billing_status is not BillingStatus.CHARGED:
            return
        pace = self._paces.get((call.account_id, call.channel))
        if pace is not None and call.charge_nanos is not None and call.duration_ms:
            pace.past.appendleft(
                PastCall(charge_nanos=call.charge_nanos, duration_ms=call.duration_ms)
            )

    async def close(self) -> None:
        await self._reader.close()

    async def _read(self, keys: Sequence[PaceKey]) -> Sequence[Sequence[PastCall]]:
        wanted = list(dict.fromkeys(keys))
        async with self._platform.connection() as connection:
            found = dict(zip(wanted, await past_calls(connection, wanted), strict=True))
        until = self._monotonic() + TTL_SECONDS
        for key, past in found.items():
            self._paces.pop(key, None)
            while len(self._paces) >= PACES_MAX:
                del self._paces[next(iter(self._paces))]
            self._paces[key] = _Pace(deque(past, PACE_CALLS), until)
        return [found[key] for key in keys]
