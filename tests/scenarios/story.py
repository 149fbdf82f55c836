"""A story told through the front doors: one customer, a clock that the story moves."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from talktime.core.call import Call, EndFacts, Outcome, StartFacts
from talktime.core.errors import TalktimeError
from talktime.core.ledger import Entry
from talktime.core.money import format_usd, parse_usd
from talktime.core.ratecard import Channel, PriceBook, parse_card
from talktime.core.usage import LineReport
from talktime.ops.accounts import read_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_pricing import settle_unpriced_calls
from talktime.ops.call_silence import end_silent_calls
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.call_usage import UsageAnswer, UsageReport, report_usage
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform

MakeAccount = Callable[..., Awaitable[str]]
T = TypeVar("T")


class Story:
    """What happens to one account. Amounts are strings in USD, times move only by ``passes``."""

    def __init__(self, platform: Platform, account_id: str) -> None:
        self.platform = platform
        self.account_id = account_id
        self.now = datetime.now(UTC)
        self.book: PriceBook = platform.prices.book
        self.healthy_since = self.now - timedelta(days=1)
        self._adjustments = 0

    def passes(self, **span: float) -> None:
        """Let time pass: ``passes(minutes=10)``."""
        self.now += timedelta(**span)

    async def start(self, call_id: str, channel: Channel = Channel.PHONE) -> Admission:
        return taken((await self.start_all([call_id], channel))[0])

    async def start_all(
        self, call_ids: list[str], channel: Channel = Channel.PHONE
    ) -> list[Admission | TalktimeError]:
        starts = [
            StartFacts(account_id=self.account_id, call_id=call_id, channel=channel)
            for call_id in call_ids
        ]
        async with self.platform.connection() as connection:
            return await start_calls(connection, starts, terms=self.platform.terms, now=self.now)

    async def report(self, call_id: str, *lines: LineReport) -> UsageAnswer:
        report = UsageReport(account_id=self.account_id, call_id=call_id, lines=lines)
        async with self.platform.connection() as connection:
            answers = await report_usage(connection, [report], book=self.book, now=self.now)
        return taken(answers[0])

    async def end(self, call_id: str, outcome: str = "completed", *lines: LineReport) -> EndAnswer:
        return taken((await self.end_all([(call_id, outcome, lines)]))[0])

    async def end_at(self, call_id: str, ended_at: datetime) -> EndAnswer:
        request = EndRequest(
            account_id=self.account_id,
            call_id=call_id,
            facts=EndFacts(outcome=Outcome.COMPLETED, ended_at=ended_at),
        )
        async with self.platform.connection() as connection:
            answers = await end_calls(
                connection, [request], book=self.book, terms=self.platform.terms, now=self.now
            )
        return taken(answers[0])

    async def end_all(
        self, ends: list[tuple[str, str, tuple[LineReport, ...]]]
    ) -> list[EndAnswer | TalktimeError]:
        requests = [
            EndRequest(
                account_id=self.account_id,
                call_id=call_id,
                facts=EndFacts(outcome=Outcome(outcome)),
                lines=lines,
            )
            for call_id, outcome, lines in ends
        ]
        async with self.platform.connection() as connection:
            return await end_calls(
                connection, requests, book=self.book, terms=self.platform.terms, now=self.now
            )

    async def call_costing(self, call_id: str, provider_cost: str) -> Call:
        """A whole call whose LLM line cost the provider so much."""
        await self.start(call_id)
        return (await self.end(call_id, "completed", costs("llm", provider_cost))).call

    async def watchdog(self) -> list[Call]:
        """The account's calls that are ended for their silence, with all others that are."""
        ended: list[Call] = []
        async with self.platform.connection() as connection:
            while some := await end_silent_calls(
                connection,
                healthy_since=self.healthy_since,
                book=self.book,
                terms=self.platform.terms,
                now=self.now,
            ):
                ended += some
        return [call for call in ended if call.account_id == self.account_id]

    async def price_arrives(self, card: Mapping[str, object]) -> None:
        self.book = PriceBook(parse_card(card, field="card"))
        await self.settle_unpriced()

    async def settle_unpriced(self) -> None:
        async with self.platform.connection() as connection:
            await settle_unpriced_calls(
                connection,
                after=(self.account_id, ""),
                book=self.book,
                terms=self.platform.terms,
                now=self.now,
            )

    async def credit(self, *, paid: str = "0", promo: str = "0") -> Entry:
        self._adjustments += 1
        async with self.platform.connection() as connection:
            entry, _ = await post_adjustment(
                connection,
                account_id=self.account_id,
                adjustment_id=f"story-{self._adjustments}",
                paid_nanos=parse_usd(paid, field="paid"),
                promo_nanos=parse_usd(promo, field="promo"),
                reason="as the story goes",
                terms=self.platform.terms,
                now=self.now,
            )
        return entry

    async def balances(self) -> tuple[str, str, str]:
        """(promo, paid, held) in USD."""
        async with self.platform.connection() as connection:
            account = await read_account(connection, self.account_id, now=self.now)
        return (
            format_usd(account.promo_nanos),
            format_usd(account.paid_nanos),
            format_usd(account.held_nanos),
        )

    async def entries(self) -> list[Entry]:
        """Oldest first."""
        async with self.platform.connection() as connection:
            newest_first, _ = await list_entries(
                connection, self.account_id, before=None, kind=None, limit=200
            )
        return newest_first[::-1]

    async def told(self) -> list[tuple[str, str]]:
        """(kind, ref) of the account's events, in order."""
        async with self.platform.connection() as connection:
            cursor = await connection.execute(
                "SELECT kind, ref FROM event WHERE account_id = %s ORDER BY event_seq",
                [self.account_id],
            )
            return [(row[0], row[1]) for row in await cursor.fetchall()]


def taken(answer: T | TalktimeError) -> T:
    """The answer, or its refusal raised."""
    if isinstance(answer, TalktimeError):
        raise answer
    return answer


def costs(service: str, provider_cost: str) -> LineReport:
    """A line that brings the provider's own figure."""
    return LineReport(service=service, provider_cost=provider_cost)


def used(service: str, provider: str, model: str, **quantities: int) -> LineReport:
    return LineReport(service=service, provider=provider, model=model, quantities={**quantities})


StoryOf = Callable[..., Awaitable[Story]]
