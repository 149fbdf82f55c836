"""What an account with auto-reload does, and the worker that looks after it, by its own clock."""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from talktime.core.account import Account, AccountStatus
from talktime.core.auto_reload import Decision, ReloadCheck, ReloadSettings, ReloadState
from talktime.core.errors import PaymentMismatch, ProviderAway
from talktime.core.ledger import Entry, EntryKind
from talktime.core.money import parse_usd
from talktime.core.payment import Payment
from talktime.core.saved_card import Charge, ChargeOrder, SavedCard
from talktime.gateways.stripe_cards import StripeCards
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.ops.accounts import AccountChange, change_account, read_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.auto_reload import (
    change_auto_reload,
    list_checks,
    list_reloads,
    read_auto_reload,
    restart_auto_reload,
)
from talktime.ops.entries import list_entries
from talktime.ops.platform import Platform
from talktime.ops.reload_runs import (
    ASK_AFTER,
    Tills,
    claim_stopped_charges,
    reload_account,
    resume_charge,
)
from talktime.ops.saved_cards import (
    begin_card_setup,
    finish_card_setup,
    read_card,
    remove_saved_card,
)
from tests.payments.paying import Payer
from tests.payments.stripe_checkouts import StripeCheckouts

LATER = ASK_AFTER + timedelta(seconds=1)
"""When a charge that stopped half-way is gone on with."""


def nanos(amount: str) -> int:
    return parse_usd(amount, field="amount")


def chosen(
    threshold: str = "5",
    amount: str = "25",
    day: str = "100",
    month: str = "500",
    *,
    is_on: bool = True,
) -> ReloadSettings:
    return ReloadSettings(
        is_on=is_on,
        threshold_nanos=parse_usd(threshold, field="threshold"),
        amount_nanos=parse_usd(amount, field="amount"),
        day_ceiling_nanos=parse_usd(day, field="day"),
        month_ceiling_nanos=parse_usd(month, field="month"),
    )


class Reloader:
    """One account; refusals are raised."""

    def __init__(
        self,
        platform: Platform,
        provider: StripeCheckout,
        stripe: StripeCheckouts,
        account_id: str,
    ) -> None:
        self.platform = platform
        self.provider = provider
        self.stripe = stripe
        self.account_id = account_id
        self.now = platform.clock()
        self.tills = Tills(
            connections=platform.connection,
            provider=provider,
            terms=platform.terms,
            public_url=platform.public_url,
        )

    def passes(self, span: timedelta) -> datetime:
        self.now += span
        return self.now

    async def begin_setup(self) -> SavedCard:
        """Open the page to save a card on."""
        return await begin_card_setup(
            self.platform.connection,
            self.provider.cards,
            account_id=self.account_id,
            setup_id=f"setup_{secrets.token_hex(8)}",
            return_url="https://talktime.test/billing/auto-reload",
            now=self.now,
        )

    async def save_card(self, card_id: str = "pm_pays") -> SavedCard:
        saved = await self.begin_setup()
        assert saved.setup_checkout_id is not None
        self.stripe.cards.save(saved.setup_checkout_id, card_id)
        return await self.finish_setup()

    async def finish_setup(self) -> SavedCard:
        return await finish_card_setup(
            self.platform.connection,
            self.provider.cards,
            account_id=self.account_id,
            now=self.now,
        )

    async def remove_card(self) -> None:
        await remove_saved_card(
            self.platform.connection, self.provider.cards, account_id=self.account_id
        )

    async def choose(self, settings: ReloadSettings | None = None) -> ReloadState:
        async with self.platform.connection() as connection:
            return await change_auto_reload(
                connection,
                account_id=self.account_id,
                settings=settings or chosen(),
                now=self.now,
            )

    async def switch_on_again(self) -> None:
        async with self.platform.connection() as connection:
            await restart_auto_reload(connection, self.account_id, now=self.now)

    async def suspend(self) -> None:
        async with self.platform.connection() as connection:
            await change_account(
                connection,
                account_id=self.account_id,
                change=AccountChange(status=AccountStatus.SUSPENDED),
                now=self.now,
            )

    async def saved(self) -> SavedCard:
        async with self.platform.connection() as connection:
            return await read_card(connection, self.account_id, self.provider.cards)

    async def look(self) -> Decision:
        self.passes(timedelta(microseconds=1))
        return await reload_account(
            self.tills,
            self.account_id,
            payment_id=f"reload_{secrets.token_hex(8)}",
            now=self.now,
        )

    async def resume(self) -> None:
        while due := await claim_stopped_charges(self.tills, limit=10, now=self.now):
            for key in due:
                with suppress(ProviderAway, PaymentMismatch):
                    await resume_charge(self.tills, *key, now=self.now)

    async def reconcile(self, after: timedelta) -> None:
        """What asks about payments on pages, after some time."""
        payer = Payer(self.platform, self.provider, self.account_id)
        await payer.reconcile(now=self.passes(after))

    async def spend(self, amount: str) -> None:
        """What a call would do, without the call."""
        async with self.platform.connection() as connection:
            await post_adjustment(
                connection,
                account_id=self.account_id,
                adjustment_id=secrets.token_hex(8),
                promo_nanos=0,
                paid_nanos=-parse_usd(amount, field="amount"),
                reason="spent",
                terms=self.platform.terms,
                now=self.now,
            )

    async def state(self) -> ReloadState:
        async with self.platform.connection() as connection:
            return await read_auto_reload(connection, self.account_id)

    async def account(self) -> Account:
        async with self.platform.connection() as connection:
            return await read_account(connection, self.account_id, now=self.now)

    async def reloads(self) -> list[Payment]:
        async with self.platform.connection() as connection:
            return list(await list_reloads(connection, self.account_id, now=self.now))

    async def checks(self) -> list[ReloadCheck]:
        async with self.platform.connection() as connection:
            return list(await list_checks(connection, self.account_id))

    async def top_ups(self) -> list[Entry]:
        async with self.platform.connection() as connection:
            found, _ = await list_entries(
                connection, self.account_id, before=None, kind=EntryKind.TOP_UP, limit=200
            )
        return found

    async def told(self) -> list[tuple[str, str]]:
        """Kinds and refs of the messages written."""
        async with self.platform.connection() as connection:
            cursor = await connection.execute(
                "SELECT kind, ref FROM message WHERE account_id = %s AND kind ~ 'reload|auth'"
                " ORDER BY created_at, kind",
                [self.account_id],
            )
            return [(row[0], row[1]) for row in await cursor.fetchall()]

    async def closings(self) -> int:
        """How often pages were told that a payment came to nothing."""
        async with self.platform.connection() as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM event WHERE account_id = %s AND kind = 'payment.closed'",
                [self.account_id],
            )
            row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def events(self) -> list[str]:
        async with self.platform.connection() as connection:
            cursor = await connection.execute(
                "SELECT kind FROM event WHERE account_id = %s AND kind ~ 'reload'"
                " ORDER BY event_seq",
                [self.account_id],
            )
            return [row[0] for row in await cursor.fetchall()]


class Dies(StripeCards):
    """Before the provider hears of it, or after it has acted: nobody lives to hear the answer."""

    def __init__(self, whole: StripeCards, *, before: bool) -> None:
        self._whole = whole
        self._before = before

    async def charge_card(self, order: ChargeOrder) -> Charge:
        if not self._before:
            await self._whole.charge_card(order)
        raise ConnectionAbortedError("the process was killed here")
