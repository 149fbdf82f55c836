"""Auto-reload: what the customer chose, and whether a saved card is to be charged now.

Looking is done under the account's lock; what is to be charged is written down by then, and the
database sees to it that one payment per account is under way at most. The charging itself is in
ops.reload_runs.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from talktime.core.account import Account, AccountStatus
from talktime.core.auto_reload import (
    FAILURES_MAX,
    SUGGESTED,
    Decision,
    ReloadCheck,
    ReloadReason,
    ReloadSettings,
    ReloadState,
    Standing,
    check_reload_settings,
    decide_reload,
)
from talktime.core.payment import Payment
from talktime.core.saved_card import CardProvider, ChargeOrder
from talktime.db import auto_reload
from talktime.db.pool import Connection
from talktime.db.saved_cards import read_saved_card
from talktime.ops.accounts import account_unknown, read_account
from talktime.ops.spend_days import day_start
from talktime.ops.top_ups import GIVE_UP_AFTER

BEGUN_EVENT: Final = "payment.begun"
"""No money moved yet, but open pages say that the card is being charged."""

CHECKS_KEPT: Final = 50
CHECKS_SHOWN: Final = 12
RELOADS_SHOWN: Final = 100
RELOADS_SHOWN_FOR: Final = timedelta(days=90)


async def change_auto_reload(
    connection: Connection, *, account_id: str, settings: ReloadSettings, now: datetime
) -> ReloadState:
    """Keep what the customer chose; the same again changes nothing.

    What failed stays counted: else whoever repeats a choice would have a card tried without end.
    Only switching it on, from off, lifts a stop, for one more attempt. Raises InvalidAmount,
    AccountUnknown.
    """
    check_reload_settings(settings)
    if not await auto_reload.change_reload(
        connection, account_id, settings, failures_kept=FAILURES_MAX - 1, now=now
    ):
        raise account_unknown(account_id)
    return await read_auto_reload(connection, account_id)


async def restart_auto_reload(connection: Connection, account_id: str, *, now: datetime) -> None:
    """Go on with the same card after a stop, for one more attempt; where there is none, nothing."""
    await auto_reload.restart_reload(
        connection, account_id, failures_kept=FAILURES_MAX - 1, now=now
    )


async def read_auto_reload(connection: Connection, account_id: str) -> ReloadState:
    """What an account chose, or what is suggested and off."""
    found = await auto_reload.read_reload(connection, account_id)
    return found or ReloadState(
        account_id=account_id,
        settings=SUGGESTED,
        failures=0,
        stopped_at=None,
        attempted_at=None,
    )


async def judge_reload(
    connection: Connection, account: Account, cards: CardProvider, *, now: datetime
) -> Decision:
    """What would be done now, and why nothing if nothing."""
    return decide_reload(await read_standing(connection, account, cards, now=now), now=now)


async def list_checks(connection: Connection, account_id: str) -> Sequence[ReloadCheck]:
    """What came of looking of late, newest first."""
    return await auto_reload.list_checks(connection, account_id, limit=CHECKS_SHOWN)


async def list_reloads(
    connection: Connection, account_id: str, *, now: datetime
) -> Sequence[Payment]:
    """The payments by saved card of RELOADS_SHOWN_FOR, newest first, RELOADS_SHOWN at most."""
    return await auto_reload.list_reloads(
        connection, account_id, since=now - RELOADS_SHOWN_FOR, limit=RELOADS_SHOWN
    )


async def look_at_reload(
    connection: Connection,
    cards: CardProvider,
    account_id: str,
    *,
    payment_id: str,
    now: datetime,
) -> tuple[Decision, ChargeOrder | None]:
    """Decide under the account's lock; what is to be charged is written down by then."""
    async with connection.transaction():
        if not await auto_reload.lock_account(connection, account_id):
            raise account_unknown(account_id)
        account = await read_account(connection, account_id, now=now)
        standing = await read_standing(connection, account, cards, now=now)
        decision = decide_reload(standing, now=now)
        order = None
        if decision.reason is ReloadReason.FIRED:
            order = await _order(connection, cards, account_id, payment_id, decision, now=now)
        await auto_reload.note_look(
            connection,
            account_id,
            look_at=decision.look_at,
            attempted_at=None if order is None else now,
        )
        await auto_reload.note_check(
            connection,
            account_id,
            reason=decision.reason,
            startable_nanos=account.startable_nanos,
            threshold_nanos=standing.settings.threshold_nanos,
            payment_id=None if order is None else order.payment_id,
            kept=CHECKS_KEPT,
            now=now,
        )
        if order is not None:
            await auto_reload.write_event(
                connection, account_id, kind=BEGUN_EVENT, ref=payment_id, now=now
            )
    return decision, order


async def _order(
    connection: Connection,
    cards: CardProvider,
    account_id: str,
    payment_id: str,
    decision: Decision,
    *,
    now: datetime,
) -> ChargeOrder | None:
    saved = await read_saved_card(connection, account_id, cards.name)
    assert saved is not None
    assert saved.card is not None
    assert saved.customer_id is not None
    order = ChargeOrder(
        account_id=account_id,
        payment_id=payment_id,
        amount_nanos=decision.amount_nanos,
        customer_id=saved.customer_id,
        card_id=saved.card.card_id,
        ordered_at=now,
    )
    is_open = await auto_reload.open_reload(
        connection, order, provider=cards.name, expires_at=now + GIVE_UP_AFTER
    )
    return order if is_open else None


async def read_standing(
    connection: Connection, account: Account, cards: CardProvider, *, now: datetime
) -> Standing:
    """All that core's decide_reload depends on."""
    state = await read_auto_reload(connection, account.account_id)
    saved = await read_saved_card(connection, account.account_id, cards.name)
    zone = account.zone_at(now)
    today = now.astimezone(ZoneInfo(zone)).date()
    charged = await auto_reload.read_reload_payments(
        connection,
        account.account_id,
        day_began=day_start(today, zone),
        month_began=day_start(today.replace(day=1), zone),
        now=now,
    )
    return Standing(
        settings=state.settings,
        is_suspended=account.status is AccountStatus.SUSPENDED,
        has_card=saved is not None and saved.card is not None,
        startable_nanos=account.startable_nanos,
        has_open_payment=charged.has_open_payment,
        charged_today_nanos=charged.charged_today_nanos,
        charged_this_month_nanos=charged.charged_this_month_nanos,
        failures=state.failures,
        stopped_at=state.stopped_at,
        attempted_at=state.attempted_at,
        switched_off=state.switched_off,
    )
