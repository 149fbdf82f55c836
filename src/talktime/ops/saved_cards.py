"""Saving a card: a page of the provider's is opened, and its own answer says which card it is.

The provider is never asked while a transaction is open. Whoever comes first keeps the card: the
customer on the way back, the provider's notice, or the loop that asks where nothing was heard.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

import structlog
from msgspec.structs import replace

from talktime.core.account import Account
from talktime.core.errors import InvalidInput, ProviderAway
from talktime.core.saved_card import CardProvider, SavedCard, SetupOrder
from talktime.db import auto_reload, saved_cards
from talktime.db.pool import Connection
from talktime.ops.accounts import read_account

log = structlog.get_logger("talktime.saved_cards")

Connections = Callable[[], AbstractAsyncContextManager[Connection]]

SETUP_LIFE: Final = timedelta(hours=25)
"""Stripe keeps a page open for 24 hours; the last one is for a card saved in the last minute."""

ASK_AFTER: Final = timedelta(minutes=2)
ID_LENGTH_MAX: Final = 64


async def begin_card_setup(
    connections: Connections,
    provider: CardProvider,
    *,
    account_id: str,
    setup_id: str,
    return_url: str,
    now: datetime,
) -> SavedCard:
    """Open the page to save a card on; the same id again answers the same page.

    The provider sends the customer back to ``return_url`` with ``?card=saved`` or
    ``?card=canceled``, which is not believed. Raises InvalidInput, AccountUnknown, ProviderAway.
    """
    if not 1 <= len(setup_id) <= ID_LENGTH_MAX or not setup_id.replace("_", "").isalnum():
        raise InvalidInput("that is no id of ours", field="setup_id")
    async with connections() as connection:
        account = await read_account(connection, account_id, now=now)
        await saved_cards.begin_setup(
            connection, account_id, provider=provider.name, setup_id=setup_id, now=now
        )
        saved = await _read(connection, account_id, provider)
    if saved.setup_url is not None:
        return saved
    customer_id = saved.customer_id or await _meet(connections, provider, account, None)
    order = SetupOrder(
        account_id=account_id,
        setup_id=setup_id,
        customer_id=customer_id,
        success_url=f"{return_url}?card=saved",
        cancel_url=f"{return_url}?card=canceled",
    )
    page = await provider.create_setup(order)
    if page is None:
        customer_id = await _meet(connections, provider, account, customer_id)
        page = await provider.create_setup(replace(order, customer_id=customer_id))
    if page is None:
        raise ProviderAway("the payment provider opened no page to save a card on; try again")
    async with connections() as connection:
        await saved_cards.note_setup(
            connection,
            account_id,
            provider=provider.name,
            setup_id=setup_id,
            checkout_id=page.checkout_id,
            url=page.url,
        )
        return await _read(connection, account_id, provider)


async def _meet(
    connections: Connections, provider: CardProvider, account: Account, former: str | None
) -> str:
    """Make the account known to the provider, in the place of who is no longer known there."""
    account_id = account.account_id
    told = await provider.create_customer(account_id, account.email, former)
    async with connections() as connection, connection.transaction():
        if former is not None:
            await saved_cards.forget_customer(
                connection, account_id, provider=provider.name, customer_id=former
            )
        return await saved_cards.note_customer(
            connection, account_id, provider=provider.name, customer_id=told
        )


async def finish_card_setup(
    connections: Connections, provider: CardProvider, *, account_id: str, now: datetime
) -> SavedCard:
    """Ask the provider what came of the page that is open, and keep the card if there is one.

    A new card forgives an auto-reload what failed with the one before, which is given up at the
    provider. Raises ProviderAway.
    """
    async with connections() as connection:
        saved = await _read(connection, account_id, provider)
    if saved.setup_id is None or saved.setup_checkout_id is None:
        return saved
    card = await provider.read_setup(saved)
    if card is None:
        return saved
    async with connections() as connection, connection.transaction():
        await auto_reload.lock_account(connection, account_id)
        former = await _read(connection, account_id, provider)
        is_kept = await saved_cards.save_card(
            connection,
            account_id,
            provider=provider.name,
            setup_id=saved.setup_id,
            card=card,
            now=now,
        )
        if is_kept:
            await auto_reload.revive_reload(connection, account_id, now=now)
    if is_kept and former.card is not None and former.card.card_id != card.card_id:
        await _forget(provider, former.card.card_id)
    async with connections() as connection:
        return await _read(connection, account_id, provider)


async def remove_saved_card(
    connections: Connections, provider: CardProvider, *, account_id: str
) -> None:
    """Charge this card no more, whether or not the provider can be reached now."""
    async with connections() as connection, connection.transaction():
        await auto_reload.lock_account(connection, account_id)
        saved = await _read(connection, account_id, provider)
        if saved.card is None:
            return
        await saved_cards.remove_card(
            connection, account_id, provider=provider.name, card_id=saved.card.card_id
        )
    await _forget(provider, saved.card.card_id)


async def read_card(connection: Connection, account_id: str, provider: CardProvider) -> SavedCard:
    """An account's card, and the page on which one is being saved."""
    return await _read(connection, account_id, provider)


async def claim_open_setups(
    connections: Connections, provider: CardProvider, *, limit: int, now: datetime
) -> Sequence[str]:
    """Accounts with a page that nothing was heard of: a card may have been saved all the same.

    They count as asked about now. Pages older than SETUP_LIFE are forgotten.
    """
    async with connections() as connection:
        await saved_cards.forget_setups(connection, begun_before=now - SETUP_LIFE)
        return await saved_cards.claim_setups(
            connection,
            provider=provider.name,
            asked_before=now - ASK_AFTER,
            limit=limit,
            now=now,
        )


async def _read(connection: Connection, account_id: str, provider: CardProvider) -> SavedCard:
    found = await saved_cards.read_saved_card(connection, account_id, provider.name)
    return found or SavedCard(account_id=account_id, provider=provider.name)


async def _forget(provider: CardProvider, card_id: str) -> None:
    try:
        await provider.forget_card(card_id)
    except ProviderAway as error:
        # We charge it no more in any case.
        log.warning("a card could not be given up at its provider", why=error.message)
