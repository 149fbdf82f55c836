"""The loops that keep a running Talktime true to its word, without anybody asking.

    beat       every second, only in a process that serves the API: reports can reach us
    clock      every minute: cries out where our clock is not the database's
    prices     takes up rate cards that were added, in every process that rates
    watchdog   ends calls that were silent for the whole grace
    pricing    settles ended calls that waited for a price, frees them after seven days
    payments   asks the payment provider about top-ups that nothing was heard of
    setups     asks the payment provider about cards that may have been saved
    resumes    goes on with charges of saved cards that stopped half-way
    reloads    charges saved cards where the balance runs low
    sweeps     finds accounts that ran low while no worker looked
    refunds    has the payment provider send what an operator let go, and asks about it
    disputes   asks about disputes of which only the giving back was told
    unheard    finds disputes of which no notice came
    strangers  gives up payments whose provider is not set up any more
    receipts   gives each top-up and refund its numbered receipt
    webhooks   tells endpoints what happened: begins what is due (talktime.deliverer)
    upkeep     makes the outbox's coming days, forgets what has expired
    relay      puts messages to people into the queue of jobs, where mail has a way out
    weekly     writes the weekly summaries, where it is Monday morning
    monthly    writes word of new statements, where it is the first of a month
    messages   counts what waits and what was given up, for /metrics

Each is one act of ops, repeated. Several workers may run at a time: what one has done the next
finds done. A failing act is repeated with growing pauses, so that an outage of the database ends
no loop and is not hammered on.
"""

from datetime import timedelta
from typing import Final

import msgspec
import structlog
from prometheus_client import Counter, Gauge

from talktime.deliverer import ATTEMPTS, Deliverer
from talktime.deliverer import EVERY_SECONDS as WEBHOOKS_SECONDS
from talktime.gateways.webhook import WebhookSender
from talktime.jobs import DONE, Queue
from talktime.loops import LAST_RUN, ROUNDS_MAX, RUNS, Loop
from talktime.mailing import COLLECTORS as MAIL_COLLECTORS
from talktime.mailing import (
    COUNT_SECONDS,
    MONTHLY_SECONDS,
    RELAY_SECONDS,
    WEEKLY_SECONDS,
    Mailer,
    mail_queue,
    relay_waiting,
    watch_messages,
    write_due_statement_mails,
    write_due_summaries,
)
from talktime.ops.attempts import CallKey
from talktime.ops.call_pricing import settle_unpriced_calls
from talktime.ops.call_silence import BATCH, end_silent_calls
from talktime.ops.health import beat_service, read_clock_skew, read_health
from talktime.ops.platform import Platform
from talktime.ops.upkeep import sweep_database
from talktime.payment_loops import payment_loops
from talktime.slots import ACTS
from talktime.telling import ENDPOINTS

log = structlog.get_logger("talktime.worker")

BEAT_SECONDS: Final = 1.0
CLOCK_SECONDS: Final = 60.0
CLOCK_SKEW_MAX: Final = timedelta(minutes=1)
PRICES_SECONDS: Final = 3.0
PRICING_SECONDS: Final = 3600.0
UPKEEP_SECONDS: Final = 600.0
WATCHDOG_SECONDS_MAX: Final = 5.0

# Without a registry of their own: each application that is made shows them in its own.
CLOCK_SKEW = Gauge(
    "talktime_clock_skew_seconds",
    "By how much this process's clock is ahead of the database's.",
    registry=None,
)
SILENT_ENDED = Counter(
    "talktime_worker_silent_calls_ended",
    "Calls ended by the watchdog.",
    ["outcome"],
    registry=None,
)
UNPRICED_SETTLED = Counter(
    "talktime_worker_unpriced_calls_settled",
    "Calls settled after their price arrived, or freed without one.",
    ["billing_status"],
    registry=None,
)
COLLECTORS: Final = (
    CLOCK_SKEW,
    RUNS,
    LAST_RUN,
    ACTS,
    SILENT_ENDED,
    UNPRICED_SETTLED,
    ATTEMPTS,
    ENDPOINTS,
    DONE,
    *MAIL_COLLECTORS,
)


def longest_gap(grace_ms: int) -> timedelta:
    """The longest pause between two beats that is no outage: 10 s, less where the grace is short.

    Never under three beats, or a busy second would count as an outage for ever.
    """
    return timedelta(milliseconds=max(3_000, min(10_000, grace_ms // 3)))


def clock_loop(platform: Platform) -> Loop:
    """Watches the clock that this process records by: ledgers are found by time."""

    async def clock() -> None:
        async with platform.connection() as connection:
            skew = await read_clock_skew(connection, now=platform.clock())
        CLOCK_SKEW.set(skew.total_seconds())
        if abs(skew) > CLOCK_SKEW_MAX:
            log.error(
                "this machine's clock is not the database's: set both by NTP",
                ahead_seconds=skew.total_seconds(),
            )

    return Loop(name="clock", act=clock, every_seconds=CLOCK_SECONDS)


def serving_loops(platform: Platform) -> list[Loop]:
    """What every process that serves the API has to do."""

    async def beat() -> None:
        async with platform.connection() as connection:
            await beat_service(
                connection,
                longest_gap=longest_gap(platform.terms.grace_ms),
                now=platform.clock(),
            )

    async def prices() -> None:
        async with platform.connection() as connection:
            await platform.prices.refresh(connection)

    return [
        Loop(name="beat", act=beat, every_seconds=BEAT_SECONDS),
        clock_loop(platform),
        Loop(name="prices", act=prices, every_seconds=PRICES_SECONDS),
    ]


def worker_loops(platform: Platform) -> list[Loop]:
    """What at least one process of an installation has to do."""
    pricing = Pricing(platform)

    async def watchdog() -> None:
        await watch_calls(platform)

    async def upkeep() -> None:
        async with platform.connection() as connection:
            swept = await sweep_database(connection, now=platform.clock())
        log.debug("upkeep", **msgspec.structs.asdict(swept))

    deliverer = Deliverer(platform, WebhookSender(allow_private=platform.terms.webhooks_private))
    every = min(WATCHDOG_SECONDS_MAX, platform.terms.lease_ms / 4_000)
    return [
        Loop(name="watchdog", act=watchdog, every_seconds=every),
        Loop(name="pricing", act=pricing.run, every_seconds=PRICES_SECONDS),
        *payment_loops(platform),
        Loop(
            name="webhooks",
            act=deliverer.run,
            every_seconds=WEBHOOKS_SECONDS,
            close=deliverer.close,
        ),
        Loop(name="upkeep", act=upkeep, every_seconds=UPKEEP_SECONDS),
    ]


def mail_loops(platform: Platform) -> list[Loop]:
    """What a process does from which mail can go out."""

    async def relay() -> None:
        await relay_waiting(platform)

    async def weekly() -> None:
        await write_due_summaries(platform)

    async def monthly() -> None:
        await write_due_statement_mails(platform)

    async def messages() -> None:
        await watch_messages(platform)

    return [
        Loop(name="relay", act=relay, every_seconds=RELAY_SECONDS),
        Loop(name="weekly", act=weekly, every_seconds=WEEKLY_SECONDS),
        Loop(name="monthly", act=monthly, every_seconds=MONTHLY_SECONDS),
        Loop(name="messages", act=messages, every_seconds=COUNT_SECONDS),
    ]


def worker_queues(platform: Platform, mailer: Mailer | None) -> list[Queue]:
    """The queues of jobs that this process can work."""
    return [mail_queue(platform, mailer)] if mailer is not None else []


async def watch_calls(platform: Platform) -> int:
    """End what is silent by now, in batches; answers how many calls were ended.

    Nothing is ended while reports could not reach us: who could not speak was not silent.
    """
    ended = 0
    for _ in range(ROUNDS_MAX):
        now = platform.clock()
        async with platform.connection() as connection:
            since = await read_health(
                connection, now=now, longest_gap=longest_gap(platform.terms.grace_ms)
            )
            if since is None:
                return ended
            calls = await end_silent_calls(
                connection,
                healthy_since=since,
                book=platform.prices.book,
                terms=platform.terms,
                now=now,
            )
        for call in calls:
            SILENT_ENDED.labels(outcome=str(call.outcome)).inc()
            log.info(
                "silent call ended",
                account_id=call.account_id,
                call_id=call.call_id,
                outcome=call.outcome,
                billing_status=call.billing_status,
            )
        ended += len(calls)
        if len(calls) < BATCH:
            break
    return ended


class Pricing:
    """Goes through the calls that wait for a price: when the prices change, and every hour."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._book: object = None
        self._rest = 0.0

    async def run(self) -> None:
        """One look: a full pass where the book is new or an hour has gone by, otherwise nothing."""
        async with self._platform.connection() as connection:
            await self._platform.prices.refresh(connection)
        book = self._platform.prices.book
        self._rest -= PRICES_SECONDS
        if book is self._book and self._rest > 0:
            return
        await settle_all_unpriced(self._platform)
        # Only after the pass: one that failed half-way is made again.
        self._book = book
        self._rest = PRICING_SECONDS


async def settle_all_unpriced(platform: Platform) -> int:
    """One pass over every call that waits for a price; answers how many were settled."""
    settled = 0
    after: CallKey | None = ("", "")
    while after is not None:
        async with platform.connection() as connection:
            calls, after = await settle_unpriced_calls(
                connection,
                after=after,
                book=platform.prices.book,
                terms=platform.terms,
                now=platform.clock(),
            )
        for call in calls:
            UNPRICED_SETTLED.labels(billing_status=str(call.billing_status)).inc()
            log.info(
                "unpriced call settled",
                account_id=call.account_id,
                call_id=call.call_id,
                billing_status=call.billing_status,
            )
        settled += len(calls)
    return settled
