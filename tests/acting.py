"""What a platform's bots do to one account, as the API does it: start, report, end."""

from datetime import datetime, timedelta
from typing import Any

from talktime.core.call import Call, EndFacts, Outcome, StartFacts
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.call_usage import UsageAnswer, UsageReport, report_usage
from talktime.ops.platform import Platform

MINUTE_BY_PHONE = (
    LineReport(service="llm", provider="acme", model="mind", provider_cost="0.005"),
    LineReport(service="stt", provider="acme", model="ear", provider_cost="0.006"),
    LineReport(service="tts", provider="acme", model="mouth", provider_cost="0.022"),
    LineReport(service="sip", provider="acme", model="wire", provider_cost="0.007"),
)
"""The worked example: $0.040 of provider cost, so $0.052."""


class Bots:
    """Acts on one account; refusals are raised."""

    def __init__(self, platform: Platform, account_id: str) -> None:
        self.platform = platform
        self.account_id = account_id

    async def start(
        self, call_id: str, *, channel: Channel = Channel.PHONE, **facts: Any
    ) -> Admission:
        start = StartFacts(account_id=self.account_id, call_id=call_id, channel=channel, **facts)
        async with self.platform.connection() as connection:
            [answer] = await start_calls(
                connection, [start], terms=self.platform.terms, now=self.platform.clock()
            )
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def report(self, call_id: str, *lines: LineReport) -> Call:
        report = UsageReport(account_id=self.account_id, call_id=call_id, lines=lines)
        async with self.platform.connection() as connection:
            [answer] = await report_usage(
                connection, [report], book=self.platform.prices.book, now=self.platform.clock()
            )
        assert isinstance(answer, UsageAnswer), answer
        return answer.call

    async def end(
        self,
        call_id: str,
        *lines: LineReport,
        outcome: Outcome = Outcome.COMPLETED,
        seconds: int | None = None,
        at: datetime | None = None,
    ) -> Call:
        request = EndRequest(
            account_id=self.account_id,
            call_id=call_id,
            facts=EndFacts(
                outcome=outcome,
                ended_at=at,
                duration_ms=None if seconds is None else seconds * 1000,
            ),
            lines=lines,
        )
        async with self.platform.connection() as connection:
            [answer] = await end_calls(
                connection,
                [request],
                book=self.platform.prices.book,
                terms=self.platform.terms,
                now=self.platform.clock(),
            )
        assert isinstance(answer, EndAnswer), answer
        return answer.call

    async def call(
        self,
        call_id: str,
        *lines: LineReport,
        outcome: Outcome = Outcome.COMPLETED,
        seconds: int = 60,
        **facts: Any,
    ) -> Call:
        """A whole call of some seconds."""
        await self.start(call_id, **facts)
        return await self.end(call_id, *lines, outcome=outcome, seconds=seconds)


def ago(platform: Platform, **span: float) -> datetime:
    return platform.clock() - timedelta(**span)
