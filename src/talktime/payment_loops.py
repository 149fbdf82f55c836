"""The loops of money in and out: top-ups, refunds, auto-reload, and the receipts for them."""

import secrets
from typing import Final

from talktime.loops import ROUNDS_MAX, Loop
from talktime.ops.documents import ISSUED_AT_ONCE, issue_due_documents
from talktime.ops.platform import Platform
from talktime.ops.refund_runs import ask_about_disputes, run_refunds
from talktime.ops.reload_runs import AT_ONCE, Tills, reload_due_accounts, resume_reloads
from talktime.ops.saved_cards import finish_open_setups
from talktime.ops.top_ups import reconcile_next_payment

PAYMENTS_SECONDS: Final = 20.0
REFUNDS_SECONDS: Final = 2.0
RELOADS_SECONDS: Final = 1.0
RECEIPTS_SECONDS: Final = 10.0


def payment_loops(platform: Platform) -> list[Loop]:
    """What at least one process of an installation that takes payments has to do."""

    async def payments() -> None:
        if platform.payments is None:
            return
        asked = (platform.connection, platform.payments.provider)
        for _ in range(ROUNDS_MAX):
            if not await reconcile_next_payment(*asked, terms=platform.terms, now=platform.clock()):
                return

    async def receipts() -> None:
        for _ in range(ROUNDS_MAX):
            async with platform.connection() as connection:
                issued = await issue_due_documents(
                    connection, platform.seller, now=platform.clock()
                )
            if issued < ISSUED_AT_ONCE:
                return

    async def refunds() -> None:
        if platform.payments is not None:
            asked = (platform.connection, platform.payments.provider)
            await run_refunds(*asked, terms=platform.terms, now=platform.clock())
            await ask_about_disputes(*asked, terms=platform.terms, now=platform.clock())

    async def reloads() -> None:
        await reload_cards(platform)

    return [
        Loop(name="payments", act=payments, every_seconds=PAYMENTS_SECONDS),
        Loop(name="refunds", act=refunds, every_seconds=REFUNDS_SECONDS),
        Loop(name="reloads", act=reloads, every_seconds=RELOADS_SECONDS),
        Loop(name="receipts", act=receipts, every_seconds=RECEIPTS_SECONDS),
    ]


async def reload_cards(platform: Platform) -> None:
    """Auto-reload: first what stopped half-way, then who runs low by now."""
    if platform.payments is None:
        return
    tills = Tills(
        connections=platform.connection,
        provider=platform.payments.provider,
        terms=platform.terms,
        public_url=platform.public_url,
    )
    await resume_reloads(tills, now=platform.clock())
    await finish_open_setups(platform.connection, tills.cards, now=platform.clock())
    for _ in range(ROUNDS_MAX):
        looked_at = await reload_due_accounts(
            tills, new_payment_id=new_reload_id, now=platform.clock()
        )
        if looked_at < AT_ONCE:
            break


def new_reload_id() -> str:
    return f"reload_{secrets.token_hex(12)}"
