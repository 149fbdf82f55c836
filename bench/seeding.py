"""An account with a year of calls behind it, written at once instead of lived through.

``.venv/bin/python -m bench.seeding --home DIR --calls 100000`` prints a link to sign in by; then
``TALKTIME_HOME=DIR .venv/bin/talktime serve`` shows the pages (5 calls: --calls 5; none: 0).

What it leaves is what the money functions would have left: ``talktime ledger verify`` is content.
"""

import argparse
import asyncio
import random
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from talktime.core.call import EndFacts, FreeReason, Outcome, StartFacts, opened
from talktime.core.gate import initial_hold
from talktime.core.ratecard import Channel, PriceBook
from talktime.core.settlement import CHARGED_OUTCOMES, decide_end
from talktime.core.usage import Line, LineReport, parse_lines
from talktime.db.calls import encode_lines
from talktime.db.embedded import start_server
from talktime.db.migrate import upgrade
from talktime.db.pool import connection_of, open_pool
from talktime.demo.agents import (
    AFTER_HOURS,
    CHAT,
    CONCIERGE,
    FRONT_DESK,
    RECALL,
    WEB_WIDGET,
    Agent,
    conversation,
)
from talktime.installation import DEFAULT_PORT
from talktime.ops.accounts import create_account
from talktime.ops.platform import utc_now
from talktime.ops.portal_access import create_portal_link, link_url
from talktime.ops.prices import Prices
from talktime.ops.terms import Terms

SHAPES: Final = 600
SCRIPT: Final = Path(__file__).with_suffix(".sql")
AGENTS: Final = (FRONT_DESK, FRONT_DESK, RECALL, RECALL, CONCIERGE, AFTER_HOURS, WEB_WIDGET, CHAT)
FREE: Final = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.FAILED, Outcome.REJECTED, Outcome.CANCELED)
TERMS: Final = Terms()
COUPON_NANOS: Final = 5 * 10**9
STEP_NANOS: Final = 5 * 10**9


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is repeated at many times: all of it but its ids and times."""

    shape_no: int
    channel: str
    direction: str | None
    agent_id: str
    outcome: str
    billing_status: str
    free_reason: str | None
    end_reason: str | None
    duration_ms: int
    margin_ppm: int
    initial_hold_nanos: int
    lines: str
    cost_nanos: int
    margin_nanos: int
    charge_nanos: int
    llm_nanos: int
    stt_nanos: int
    tts_nanos: int
    sip_nanos: int


async def seed_account(
    owner_url: str, *, account_id: str, calls: int, now: datetime, kept: int | None = None
) -> None:
    """Open an account and give it ``calls`` calls over up to a year before ``now``.

    About one in eight was free. Beside them are the welcome bonus, top-ups, coupons and refused
    starts. ``kept`` leaves out the rows of all calls but the last ones, while the ledger has them
    all: for histories of a length whose calls would not fit. ``owner_url`` is that of the owner of
    the schema.
    """
    begins_at = now - min(timedelta(days=365), calls * timedelta(hours=2) + timedelta(days=2))
    async with open_pool(owner_url, size=1) as pool, connection_of(pool) as connection:
        prices = Prices()
        await prices.refresh(connection)
        await create_account(
            connection,
            account_id=account_id,
            name="Harbor Dental",
            email=f"{account_id}@example.com",
            verified=calls > 0,
            terms=TERMS,
            now=begins_at,
        )
    if calls:
        shapes = list(_shapes(prices.book, now))
        plan = _plan(shapes, calls, begins_at, now) | {
            "account_id": account_id,
            "kept": calls if kept is None else kept,
        }
        await asyncio.to_thread(_write, owner_url, shapes, plan)


def _plan(shapes: list[Shape], calls: int, begins_at: datetime, now: datetime) -> dict[str, object]:
    """How the calls and the credits lie in time."""
    top_ups = max(1, min(500, calls // 40))
    due = sum(shape.charge_nanos for shape in shapes if shape.billing_status == "charged")
    per_top_up = due * calls // len(shapes) // top_ups
    days = max(1, (now - begins_at).days)
    return {
        "calls": calls,
        "shapes": len(shapes),
        "begins_at": begins_at + timedelta(minutes=1),
        "ends_at": now - timedelta(seconds=30),
        "days": days,
        "weeks": max(1, days // 7),
        "top_ups": top_ups,
        "calls_per_top_up": calls // top_ups,
        "top_up_nanos": (per_top_up * 11 // 10 // STEP_NANOS + 1) * STEP_NANOS,
        "coupons": min(4, calls // 100),
        "coupon_nanos": COUPON_NANOS,
        "refusals": min(2_000, calls // 400),
        "lease_ms": TERMS.lease_ms,
    }


def _write(owner_url: str, shapes: list[Shape], plan: dict[str, object]) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute("SET LOCAL work_mem = '256MB'")
        columns = ", ".join(
            f"{name} {'text' if kind is str or kind == str | None else 'bigint'}"
            for name, kind in Shape.__annotations__.items()
        )
        connection.execute(f"CREATE TEMP TABLE seed_shape ({columns})".encode())
        with connection.cursor().copy("COPY seed_shape FROM STDIN") as copy:
            for shape in shapes:
                copy.write_row(msgspec.structs.astuple(shape))
        connection.execute(
            """
            CREATE TEMP TABLE seed_plan AS
            SELECT p.*, a.promo_nanos, a.paid_nanos, a.entry_seq, a.event_seq
            FROM json_to_record(%s) AS p (
                account_id text, calls bigint, kept bigint, shapes bigint, begins_at timestamptz,
                ends_at timestamptz, days bigint, weeks bigint, top_ups bigint,
                calls_per_top_up bigint, top_up_nanos bigint, coupons bigint, coupon_nanos bigint,
                refusals bigint, lease_ms bigint
            ) JOIN account a USING (account_id)
            """,
            [msgspec.json.encode(plan).decode()],
        )
        connection.execute(SCRIPT.read_bytes())
    with psycopg.connect(owner_url, autocommit=True) as connection:
        # As on a database that autovacuum has come by.
        connection.execute("VACUUM ANALYZE entry, call, usage_rollup, event, refusal, account")


def _shapes(book: PriceBook, now: datetime) -> Iterator[Shape]:
    dice = random.Random(7)
    for number in range(SHAPES):
        agent = AGENTS[number % len(AGENTS)]
        seconds = min(1_800.0, dice.lognormvariate(4.4, 0.8))
        outcome = Outcome.COMPLETED
        if agent is not CHAT and dice.random() < 0.14:
            outcome = dice.choice(FREE)
            seconds = seconds if outcome is Outcome.FAILED else dice.uniform(0, 20)
        elif agent.direction == "outbound" and dice.random() < 0.2:
            outcome, seconds = Outcome.VOICEMAIL, dice.uniform(8, 25)
        answered = outcome in CHARGED_OUTCOMES or outcome is Outcome.FAILED
        reports = list(_reports(agent, max(seconds, 8.0), dice)) if answered else []
        lines = parse_lines(reports, Channel(agent.channel))
        facts = EndFacts(outcome=outcome, duration_ms=int(seconds * 1000))
        yield _shape(number, agent, facts, lines, book=book, now=now)


def _shape(
    number: int,
    agent: Agent,
    facts: EndFacts,
    lines: tuple[Line, ...],
    *,
    book: PriceBook,
    now: datetime,
) -> Shape:
    channel = Channel(agent.channel)
    call = opened(
        StartFacts(account_id="", call_id="", channel=channel),
        now=now - timedelta(hours=1),
        margin_ppm=TERMS.margin_ppm,
        lease_ms=TERMS.lease_ms,
        hold_nanos=initial_hold(channel, TERMS.floor_nanos),
    )
    end = decide_end(call, facts, lines, book, now)
    assert end.bill.charge_nanos is not None, f"{agent.agent_id} uses what the book has no price of"
    return Shape(
        shape_no=number,
        channel=channel.value,
        direction=agent.direction,
        agent_id=agent.agent_id,
        outcome=facts.outcome.value,
        billing_status=end.billing_status.value,
        free_reason=end.free_reason and end.free_reason.value,
        end_reason="pipeline error" if end.free_reason is FreeReason.FAILED else None,
        duration_ms=end.duration_ms,
        margin_ppm=call.margin_ppm,
        initial_hold_nanos=call.initial_hold_nanos,
        lines=encode_lines(end.lines),
        cost_nanos=end.bill.cost_nanos,
        margin_nanos=end.bill.margin_nanos,
        charge_nanos=end.bill.charge_nanos,
        llm_nanos=end.bill.llm_nanos,
        stt_nanos=end.bill.stt_nanos,
        tts_nanos=end.bill.tts_nanos,
        sip_nanos=end.bill.sip_nanos,
    )


def _reports(agent: Agent, seconds: float, dice: random.Random) -> Iterator[LineReport]:
    """The totals of a conversation, a line per service."""
    lines: dict[tuple[str, str, str], dict[str, int]] = {}
    for increment in conversation(agent, seconds, dice):
        totals = lines.setdefault((increment.service, increment.provider, increment.model), {})
        for name, amount in increment.quantities.items():
            totals[name] = totals.get(name, 0) + int(amount + 1)
    if agent.sip is not None:
        lines[("sip", agent.sip.provider, agent.sip.model)] = {"seconds": int(seconds + 1)}
    for (service, provider, model), totals in lines.items():
        yield LineReport(service=service, provider=provider, model=model, quantities={**totals})


async def _seed_home(home: Path, calls: int, kept: int | None, account_id: str) -> str:
    with start_server(home) as server:
        upgrade(server.conninfo())
        await seed_account(
            server.conninfo(), account_id=account_id, calls=calls, kept=kept, now=utc_now()
        )
        async with open_pool(server.conninfo(), size=1) as pool, connection_of(pool) as connection:
            token, _ = await create_portal_link(
                connection, account_id=account_id, secret=secrets.token_urlsafe(32), now=utc_now()
            )
    return link_url(f"http://127.0.0.1:{DEFAULT_PORT}", token)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.seeding", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="as TALKTIME_HOME")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--kept", type=int, help="rows of calls kept, the last ones; else all")
    parser.add_argument("--account", default="", help="its id; else seeded-<calls>")
    asked = parser.parse_args()
    account_id = asked.account or f"seeded-{asked.calls}"
    print(asyncio.run(_seed_home(asked.home, asked.calls, asked.kept, account_id)))


if __name__ == "__main__":
    main()
