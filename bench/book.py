"""What is played: a typical phone call with four lines, priced from a small book of our own."""

import random
from datetime import UTC, datetime

from talktime.core.call import Call, EndFacts, Outcome, StartFacts, opened
from talktime.core.gate import initial_hold
from talktime.core.ratecard import Channel, PriceBook, parse_card
from talktime.core.settlement import Settlement, accrue, decide_end
from talktime.core.usage import Line, LineReport, parse_lines
from talktime.db.acts import UsageRow
from talktime.ops.terms import Terms

TERMS = Terms()
HOLD_NANOS = initial_hold(Channel.PHONE, TERMS.floor_nanos)
SOURCE = "a made-up list price with a source as long as the real ones have, for the benchmark"


def _entry(service: str, model: str, *prices: tuple[str, str, int, str]) -> dict[str, object]:
    return {
        "service": service,
        "provider": "acme",
        "model": model,
        "effective": "2026-01-01",
        "source": SOURCE,
        "prices": [
            {"quantity": quantity, "usd": usd, "per": per, "unit": unit}
            for quantity, usd, per, unit in prices
        ],
    }


BOOK = PriceBook(
    parse_card(
        {
            "version": "bench-2026-11",
            "currency": "USD",
            "entries": [
                _entry(
                    "llm",
                    "gpt-small",
                    ("input_tokens", "0.15", 1_000_000, "token"),
                    ("cached_input_tokens", "0.075", 1_000_000, "token"),
                    ("output_tokens", "0.60", 1_000_000, "token"),
                ),
                _entry("stt", "ears-3", ("audio_seconds", "0.0077", 1, "minute")),
                _entry("tts", "voice-2", ("characters", "0.015", 1_000, "character")),
                _entry("sip", "us-local", ("seconds", "0.0085", 1, "minute")),
            ],
        },
        field="bench",
    )
)

REPORTS = [
    LineReport(
        service="llm",
        provider="acme",
        model="gpt-small",
        quantities={"input_tokens": 1200, "cached_input_tokens": 400, "output_tokens": 300},
    ),
    LineReport(service="stt", provider="acme", model="ears-3", quantities={"audio_seconds": 60}),
    LineReport(service="tts", provider="acme", model="voice-2", quantities={"characters": 900}),
    LineReport(service="sip", provider="acme", model="us-local", quantities={"seconds": 60}),
]

Key = tuple[str, str]


def account_name(number: int) -> str:
    """As long as the UUIDs that accounts usually are."""
    return f"0193a7f0-0000-7000-8000-{number:012x}"


def call_keys(prefix: str, count: int, accounts: int, *, first_account: int = 0) -> list[Key]:
    """Calls in turn on some accounts; ids as long as a telephony provider's."""
    return [
        (account_name(first_account + n % accounts), f"CA{prefix}{n:026x}"[:34])
        for n in range(count)
    ]


def shuffled(keys: list[Key]) -> list[Key]:
    """Calls do not end in the order in which they began."""
    mixed = list(keys)
    random.Random(1).shuffle(mixed)
    return mixed


def starts(keys: list[Key]) -> list[StartFacts]:
    return [
        StartFacts(
            account_id=account,
            call_id=call,
            channel=Channel.PHONE,
            direction="inbound",
            agent_id="agent-1",
            from_number="+15550100",
            to_number="+15550101",
        )
        for account, call in keys
    ]


def usage_rows(keys: list[Key], now: datetime) -> list[UsageRow]:
    rows = []
    for facts in starts(keys):
        accrual = accrue(_opened(facts, now), _lines(), BOOK)
        rows.append(
            UsageRow(
                account_id=facts.account_id,
                call_id=facts.call_id,
                revision=1,
                lines=accrual.lines,
                bill=accrual.bill,
                hold_nanos=accrual.hold_nanos,
            )
        )
    return rows


def settlements(keys: list[Key], now: datetime) -> list[Settlement]:
    return [settlement(facts, now) for facts in starts(keys)]


def settlement(facts: StartFacts, now: datetime) -> Settlement:
    """Reported lines parsed, merged and rated, and the end decided: all that Python does."""
    end = EndFacts(outcome=Outcome.COMPLETED, duration_ms=60_000)
    return decide_end(_opened(facts, now), end, _lines(), BOOK, now)


def _lines() -> tuple[Line, ...]:
    return parse_lines(REPORTS, Channel.PHONE)


def _opened(facts: StartFacts, now: datetime) -> Call:
    return opened(
        facts,
        now=now,
        margin_ppm=TERMS.margin_ppm,
        lease_ms=TERMS.lease_ms,
        hold_nanos=HOLD_NANOS,
    )


def utc_now() -> datetime:
    return datetime.now(UTC)
