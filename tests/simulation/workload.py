"""A seeded workload: calls as unreliable networks deliver them, over several connections at once.

Reports are lost, repeated, reordered and split; ends are repeated, contradicted and late; bots
die; balances are corrected meanwhile. What was acknowledged is told to the auditor.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from talktime.core.call import EndFacts, Outcome, StartFacts, Status
from talktime.core.errors import (
    CallAlreadyEnded,
    InsufficientCredits,
    Overloaded,
    PromoInsufficient,
    TalktimeError,
)
from talktime.core.ratecard import CHANNEL_SERVICES, Channel, PriceBook, Service, parse_card
from talktime.core.usage import LineReport
from talktime.db.pool import Connection
from talktime.ops.adjustments import post_adjustment
from talktime.ops.call_end import EndAnswer, EndRequest, end_calls
from talktime.ops.call_pricing import settle_unpriced_calls
from talktime.ops.call_silence import end_silent_calls
from talktime.ops.call_start import Admission, start_calls
from talktime.ops.call_usage import UsageAnswer, UsageReport, report_usage
from talktime.ops.terms import Terms
from tests.simulation.auditor import Auditor

BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
GRACE = timedelta(minutes=15)


def _card(version: str, *entries: tuple[str, str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "version": version,
        "currency": "USD",
        "entries": [
            {
                "service": service,
                "provider": "acme",
                "model": model,
                "effective": "2026-01-01",
                "source": "made up for this simulation",
                "prices": prices,
            }
            for service, model, prices in entries
        ],
    }


def _price(quantity: str, usd: str, per: int, unit: str, **more: int) -> dict[str, Any]:
    return {"quantity": quantity, "usd": usd, "per": per, "unit": unit, **more}


_TOKENS = [
    _price("input_tokens", "0.1537", 1_000, "token"),
    _price("cached_input_tokens", "0.0111", 1_000, "token"),
    _price("output_tokens", "0.600000007", 1_000, "token"),
]
CARD = _card(
    "simulation",
    ("llm", "small", _TOKENS),
    ("stt", "ears", [_price("audio_seconds", "0.0077", 1, "minute")]),
    ("tts", "voice", [_price("characters", "0.030000001", 7, "character")]),
    ("sip", "trunk", [_price("seconds", "0.0131", 1, "minute", increment=60)]),
)
LATER_CARD = _card("simulation-later", ("llm", "novel", _TOKENS))
MODELS = {"llm": ["small", "small", "small", "novel"], "stt": ["ears"], "tts": ["voice"],
          "sip": ["trunk"]}  # fmt: skip
BOOK = PriceBook(parse_card(CARD, field="card"))
LATER_BOOK = PriceBook([*parse_card(CARD, field="card"), *parse_card(LATER_CARD, field="card")])

Lines = list[dict[str, Any]]


def _as_reported(quantities: Mapping[str, int]) -> dict[str, int]:
    """Kept in milliseconds, reported in seconds."""
    return {
        name: amount // 1000 if name.endswith("seconds") else amount
        for name, amount in quantities.items()
    }


class Workload:
    """One run: ``await run()``, then ask ``auditor`` about ``accounts``."""

    def __init__(self, accounts: Sequence[str], *, terms: Terms, seed: int) -> None:
        self.rng = random.Random(seed)
        self.terms = terms
        self.accounts = accounts
        self.auditor = Auditor([CARD, LATER_CARD], margin=Fraction(3, 10), late_models=["novel"])
        self.now = BEGIN
        self.tries: dict[int, int] = {}
        self.pools: dict[str, list[Any]] = {"start": [], "usage": [], "end": [], "adjust": []}
        self.acts: dict[str, Callable[[Connection, list[Any]], Any]] = {
            "start": self._start,
            "usage": self._report,
            "end": self._end,
            "adjust": self._adjust,
        }
        self.dead_ends: list[EndRequest] = []

    async def run(self, connections: Sequence[Connection], *, calls: int) -> None:
        for number in range(calls):
            self._plan_start(number)
        for number in range(calls // 12):
            self._plan_adjustment(number)
        await self._drain(connections)
        self.now += GRACE
        self.pools["end"] += self.dead_ends
        watchdogs = [self._watch(connection) for connection in connections[:2]]
        await asyncio.gather(*watchdogs, self._drain(connections[2:]))
        await asyncio.gather(*[self._price(connection) for connection in connections[:2]])

    async def _drain(self, connections: Sequence[Connection]) -> None:
        # A worker that finds nothing waits for the others: their answers may bring more.
        busy = set(range(len(connections)))

        async def work(number: int, connection: Connection) -> None:
            while True:
                filled = [kind for kind, pool in self.pools.items() if pool]
                if filled:
                    busy.add(number)
                    kind = self.rng.choice(filled)
                    await self.acts[kind](connection, self._take(self.pools[kind]))
                else:
                    busy.discard(number)
                    if not busy:
                        return
                    await asyncio.sleep(0.001)

        await asyncio.gather(*[work(n, connection) for n, connection in enumerate(connections)])

    def _take(self, pool: list[Any]) -> list[Any]:
        self.now += timedelta(milliseconds=self.rng.randrange(400))
        self.rng.shuffle(pool)
        size = self.rng.choice([1, 2, 5, 20, 60])
        taken, pool[:] = pool[:size], pool[size:]
        return taken

    def _again(self, kind: str, item: Any, error: TalktimeError) -> None:
        """Overloaded means nothing was written: sent again, a bounded number of times."""
        assert isinstance(error, Overloaded), f"{item} was refused: {error.message}"
        self.tries[id(item)] = self.tries.get(id(item), 0) + 1
        assert self.tries[id(item)] < 20, "an item was turned away again and again"
        self.pools[kind].append(item)

    # Plans

    def _plan_start(self, number: int) -> None:
        account = self.rng.choice(self.accounts)
        facts = StartFacts(
            account_id=account,
            call_id=f"call-{number}",
            channel=self.rng.choice(list(Channel)),
            agent_id=self.rng.choice([None, "agent"]),
        )
        copies = 1 + (self.rng.random() < 0.3) + (self.rng.random() < 0.1)
        self.pools["start"] += [facts] * copies

    def _plan_adjustment(self, number: int) -> None:
        promo, paid = self.rng.choice([(0, 3), (2, 0), (0, -1), (-1, 2), (1, 1)])
        amounts = [a * self.rng.randrange(10**8, 10**9) for a in (promo, paid)]
        item = (self.rng.choice(self.accounts), f"adjustment-{number}", *amounts)
        self.pools["adjust"] += [item] * self.rng.choice([1, 2])

    def _plan_life(self, facts: StartFacts) -> None:
        """What the admitted call's bot will send, in an order that the pools then lose."""
        rng = self.rng
        history = self._reports(facts.channel)
        for lines in history:
            if rng.random() < 0.15:
                continue  # lost
            parts = [[line] for line in lines] if rng.random() < 0.2 else [lines]
            for part in parts:
                self.pools["usage"] += [self._usage(facts, part)] * rng.choice([1, 1, 1, 2])
        if rng.random() < 0.05:
            self.pools["usage"].append(self._usage(facts, []))
        final = history[-1] if history and rng.random() < 0.7 else []
        outcome = rng.choice([Outcome.COMPLETED] * 6 + list(Outcome))
        end = self._end_request(facts, outcome, final)
        if rng.random() < 0.12:
            # The bot died; some come back when the watchdog may have been there already.
            self.dead_ends += [end] * rng.choice([0, 1, 2])
            return
        self.pools["end"] += [end] * rng.choice([1, 1, 2, 3])
        if rng.random() < 0.1:
            self.pools["end"].append(self._end_request(facts, Outcome.BUSY, final))

    def _reports(self, channel: Channel) -> list[Lines]:
        """Running totals, each report a later one; the cached part never grows alone."""
        services = [service for service in Service if service in CHANNEL_SERVICES[channel]]
        chosen = [s for s in services if self.rng.random() < 0.85]
        models = {s: self.rng.choice(MODELS[s.value]) for s in chosen}
        totals: dict[Service, dict[str, int]] = {s: {} for s in chosen}
        history = []
        for _ in range(self.rng.randrange(1, 6)):
            for service, used in totals.items():
                grown = self.rng.randrange(60)
                if service is Service.LLM:
                    self._grow(used, "input_tokens", grown * 3)
                    self._grow(used, "cached_input_tokens", grown)
                    self._grow(used, "output_tokens", self.rng.randrange(40))
                else:
                    name = {Service.TTS: "characters", Service.SIP: "seconds"}.get(service)
                    self._grow(used, name or "audio_seconds", grown)
            history.append(
                [
                    {"service": s.value, "model": models[s], "quantities": dict(used)}
                    for s, used in totals.items()
                ]
            )
        return history

    @staticmethod
    def _grow(used: dict[str, int], name: str, by: int) -> None:
        used[name] = used.get(name, 0) + by

    @staticmethod
    def _line_reports(lines: Lines) -> list[LineReport]:
        return [LineReport(provider="Acme", **line) for line in lines]

    def _usage(self, facts: StartFacts, lines: Lines) -> UsageReport:
        return UsageReport(
            account_id=facts.account_id, call_id=facts.call_id, lines=self._line_reports(lines)
        )

    def _end_request(self, facts: StartFacts, outcome: Outcome, lines: Lines) -> EndRequest:
        return EndRequest(
            account_id=facts.account_id,
            call_id=facts.call_id,
            facts=EndFacts(outcome=outcome),
            lines=self._line_reports(lines),
        )

    # Acts, each told to the auditor as acknowledged

    async def _start(self, connection: Connection, items: list[StartFacts]) -> None:
        answers = await start_calls(connection, items, terms=self.terms, now=self.now)
        for facts, answer in zip(items, answers, strict=True):
            if isinstance(answer, Admission):
                if not answer.repeated:
                    self.auditor.admitted(
                        facts.account_id, facts.call_id, facts.channel.value, answer.hold_nanos
                    )
                    self._plan_life(facts)
            else:
                assert isinstance(answer, InsufficientCredits), answer
                if self.rng.random() < 0.2:
                    self.pools["start"].append(facts)

    async def _report(self, connection: Connection, items: list[UsageReport]) -> None:
        answers = await report_usage(connection, items, book=BOOK, now=self.now)
        for report, answer in zip(items, answers, strict=True):
            if not isinstance(answer, UsageAnswer):
                self._again("usage", report, answer)
            elif answer.call.status is Status.LIVE:
                self._tell_lines(report)
                used = {
                    (line.service.value, line.model): _as_reported(line.quantities)
                    for line in answer.call.lines
                }
                self.auditor.audit_hold(report.account_id, answer.call, used)

    async def _end(self, connection: Connection, items: list[EndRequest]) -> None:
        answers = await end_calls(connection, items, book=BOOK, terms=self.terms, now=self.now)
        for end, answer in zip(items, answers, strict=True):
            if isinstance(answer, CallAlreadyEnded):
                continue
            if not isinstance(answer, EndAnswer):
                self._again("end", end, answer)
            elif not answer.repeated:
                self._tell_lines(end)
                self.auditor.ended(end.account_id, end.call_id, end.facts.outcome.value)

    def _tell_lines(self, told: UsageReport | EndRequest) -> None:
        lines = [
            {"service": line.service, "model": line.model, "quantities": line.quantities}
            for line in told.lines
        ]
        self.auditor.heard(told.account_id, told.call_id, lines)

    async def _adjust(self, connection: Connection, items: list[tuple[str, str, int, int]]) -> None:
        for account, ref, promo, paid in items:
            try:
                _, posted = await post_adjustment(
                    connection,
                    account_id=account,
                    adjustment_id=ref,
                    promo_nanos=promo,
                    paid_nanos=paid,
                    reason="simulation",
                    terms=self.terms,
                    now=self.now,
                )
            except PromoInsufficient:
                continue
            if posted:
                self.auditor.credited(account, ref, promo, paid)

    async def _watch(self, connection: Connection) -> None:
        for _ in range(200):
            ended = await end_silent_calls(
                connection, healthy_since=BEGIN, book=BOOK, terms=self.terms, now=self.now
            )
            for call in ended:
                if call.account_id in self.accounts:
                    assert call.outcome is not None
                    self.auditor.ended(
                        call.account_id, call.call_id, call.outcome.value, by_watchdog=True
                    )
            if not ended and not self.pools["end"]:
                return
            await asyncio.sleep(0.005)

    async def _price(self, connection: Connection) -> None:
        after: tuple[str, str] | None = ("", "")
        while after is not None:
            _, after = await settle_unpriced_calls(
                connection, after=after, book=LATER_BOOK, terms=self.terms, now=self.now
            )
