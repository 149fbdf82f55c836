"""Saved cards as their rows say, and the sandbox's pages to save them on."""

from datetime import date, datetime

import msgspec
from psycopg.rows import class_row, kwargs_row

from talktime.core.saved_card import Card, SavedCard, SetupOrder
from talktime.db.pool import Connection
from talktime.db.queries import query


class SandboxSetup(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the sandbox on which a card is saved."""

    account_id: str
    checkout_id: str
    setup_id: str
    success_url: str
    cancel_url: str
    card_id: str | None


async def read_saved_card(
    connection: Connection, account_id: str, provider: str
) -> SavedCard | None:
    """What is kept of an account's card."""
    async with connection.cursor(row_factory=kwargs_row(_saved)) as cursor:
        await cursor.execute(
            query("read_saved_card"), {"account_id": account_id, "provider": provider}
        )
        return await cursor.fetchone()


async def begin_setup(
    connection: Connection, account_id: str, *, provider: str, setup_id: str, now: datetime
) -> None:
    """Write down that a card is to be saved; the same id again changes nothing."""
    await connection.execute(
        query("begin_card_setup"),
        {"account_id": account_id, "provider": provider, "setup_id": setup_id, "now": now},
    )


async def note_customer(
    connection: Connection, account_id: str, *, provider: str, customer_id: str
) -> str:
    """Keep who the account is at its provider; answers who it is by the first that was told."""
    cursor = await connection.execute(
        query("note_customer"),
        {"account_id": account_id, "provider": provider, "customer_id": customer_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def note_setup(
    connection: Connection,
    account_id: str,
    *,
    provider: str,
    setup_id: str,
    checkout_id: str,
    url: str,
) -> None:
    """Keep the page on which a card can be saved."""
    await connection.execute(
        query("note_card_setup"),
        {
            "account_id": account_id,
            "provider": provider,
            "setup_id": setup_id,
            "checkout_id": checkout_id,
            "url": url,
        },
    )


async def save_card(
    connection: Connection,
    account_id: str,
    *,
    provider: str,
    setup_id: str,
    card: Card,
    now: datetime,
) -> bool:
    """Keep the card of a setup; False where that was done, or another setup came after it."""
    cursor = await connection.execute(
        query("save_card"),
        {
            "account_id": account_id,
            "provider": provider,
            "setup_id": setup_id,
            "now": now,
            **msgspec.structs.asdict(card),
        },
    )
    return await cursor.fetchone() is not None


async def remove_card(
    connection: Connection, account_id: str, *, provider: str, card_id: str
) -> None:
    """Forget a card."""
    await connection.execute(
        query("remove_card"),
        {"account_id": account_id, "provider": provider, "card_id": card_id},
    )


async def forget_customer(
    connection: Connection, account_id: str, *, provider: str, customer_id: str
) -> None:
    """Forget who the account was at its provider, and its card with it."""
    await connection.execute(
        query("forget_customer"),
        {"account_id": account_id, "provider": provider, "customer_id": customer_id},
    )


async def claim_setups(
    connection: Connection, *, provider: str, asked_before: datetime, limit: int, now: datetime
) -> list[str]:
    """Accounts with open pages that nothing was heard of since ``asked_before``."""
    cursor = await connection.execute(
        query("claim_card_setups"),
        {"provider": provider, "asked_before": asked_before, "limit": limit, "now": now},
    )
    return [row[0] for row in await cursor.fetchall()]


async def forget_setups(connection: Connection, *, begun_before: datetime) -> None:
    """Forget pages on which nobody can save a card any more."""
    await connection.execute(query("forget_card_setups"), {"begun_before": begun_before})


async def open_sandbox_setup(
    connection: Connection, order: SetupOrder, *, checkout_id: str, now: datetime
) -> str:
    """The id of the order's page: the given one, or the one it has had before."""
    cursor = await connection.execute(
        query("open_sandbox_setup"),
        {
            "account_id": order.account_id,
            "checkout_id": checkout_id,
            "setup_id": order.setup_id,
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])


async def read_sandbox_setup(
    connection: Connection, account_id: str, checkout_id: str
) -> SandboxSetup | None:
    """One page of the sandbox."""
    async with connection.cursor(row_factory=class_row(SandboxSetup)) as cursor:
        await cursor.execute(
            query("read_sandbox_setup"), {"account_id": account_id, "checkout_id": checkout_id}
        )
        return await cursor.fetchone()


async def save_sandbox_card(
    connection: Connection, account_id: str, checkout_id: str, *, card_id: str
) -> None:
    """The card that was chosen there."""
    await connection.execute(
        query("save_sandbox_card"),
        {"account_id": account_id, "checkout_id": checkout_id, "card_id": card_id},
    )


def _saved(
    *,
    card_id: str | None,
    brand: str | None,
    last4: str | None,
    expires_on: date | None,
    **columns: str,
) -> SavedCard:
    card = None
    if card_id is not None and brand is not None and last4 is not None:
        card = Card(card_id=card_id, brand=brand, last4=last4, expires_on=expires_on)
    return SavedCard(card=card, **columns)
