"""The three hot acts, each behind its own writer."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from talktime.api.batcher import Batcher
from talktime.api.talk_time import TalkTime
from talktime.core.call import StartFacts
from talktime.core.errors import TalktimeError
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.call_usage import UsageAnswer, UsageReport, report_usage
from talktime.ops.known_calls import KnownCalls
from talktime.ops.platform import Platform

T = TypeVar("T")


class Acts:
    """Starts, reports and ends on their way to the database; one per process."""

    def __init__(self, platform: Platform, *, observe: Callable[[str, int], None]) -> None:
        """``observe`` hears the act and size of every batch."""
        self.platform = platform
        self.talk_time = TalkTime(platform)
        self._known = KnownCalls()
        self.starts: Batcher[StartFacts, Admission] = Batcher("start", self._start, observe=observe)
        self.reports: Batcher[UsageReport, UsageAnswer] = Batcher(
            "usage", self._report, observe=observe
        )
        self.ends: Batcher[EndRequest, EndAnswer] = Batcher("end", self._end, observe=observe)

    @property
    def writers(self) -> tuple[Batcher[Any, Any], ...]:
        """Of each act its own."""
        return (self.starts, self.reports, self.ends)

    async def close(self) -> None:
        """Take nothing more, and return when everything queued is written."""
        for writer in self.writers:
            await writer.close()
        await self.talk_time.close()

    async def _start(self, starts: Sequence[StartFacts]) -> list[Admission | TalktimeError]:
        platform = self.platform
        async with platform.connection() as connection:
            admissions = await start_calls(
                connection, starts, terms=platform.terms, now=platform.clock()
            )
        for admission in admissions:
            if isinstance(admission, Admission) and admission.call is not None:
                self._known.take(admission.call)
        return admissions

    async def _report(self, reports: Sequence[UsageReport]) -> list[UsageAnswer | TalktimeError]:
        platform = self.platform
        async with platform.connection() as connection:
            return await report_usage(
                connection,
                reports,
                book=platform.prices.book,
                now=platform.clock(),
                known=self._known,
            )

    async def _end(self, ends: Sequence[EndRequest]) -> list[EndAnswer | TalktimeError]:
        platform = self.platform
        async with platform.connection() as connection:
            answers = await end_calls(
                connection,
                ends,
                book=platform.prices.book,
                terms=platform.terms,
                now=platform.clock(),
                known=self._known,
            )
        for answer in answers:
            if isinstance(answer, EndAnswer) and not answer.repeated:
                self.talk_time.take(answer.call)
        return answers


def answered(answer: T | TalktimeError) -> T:
    """The answer; raises the refusal if it is one."""
    if isinstance(answer, TalktimeError):
        raise answer
    return answer
