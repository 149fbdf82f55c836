"""Receipts, as their rows say, and who they are made out to."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import kwargs_row

from talktime.core.document import Document, Party
from talktime.db.pool import Connection
from talktime.db.queries import query


class DueDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An entry without its document, and what will stand on that."""

    account_id: str
    entry_seq: int
    kind: str
    """Of the entry."""
    amount_nanos: int
    paid_at: datetime
    reference: str
    account_name: str
    account_email: str
    time_zone: str
    buyer_name: str | None
    buyer_address: list[str] | None
    buyer_tax_id: str | None
    provider: str | None
    provider_reference: str | None
    payment_seq: int | None
    """The entry that credited the payment which it is about."""
    receipt: Document | None
    """Of a refund: the payment's receipt, where that is issued already."""


async def has_due(connection: Connection, account_id: str) -> bool:
    """Whether a document is due on an account."""
    cursor = await connection.execute(query("has_due_documents"), {"account_id": account_id})
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def lock_series(connection: Connection, series: Sequence[str]) -> dict[str, int]:
    """The last number given of each series; nobody else gives one until the transaction ends."""
    cursor = await connection.execute(query("lock_document_series"), {"series": list(series)})
    return dict(await cursor.fetchall())


async def read_due(
    connection: Connection, account_id: str | None, *, limit: int
) -> list[DueDocument]:
    """The oldest entries that a document is due for; None: of any account."""
    async with connection.cursor(row_factory=kwargs_row(_due)) as cursor:
        await cursor.execute(query("due_documents"), {"account_id": account_id, "limit": limit})
        return await cursor.fetchall()


async def write_documents(
    connection: Connection,
    documents: Sequence[Document],
    *,
    last_numbers: dict[str, int],
    now: datetime,
) -> None:
    """Write documents, and the last number of each series that they took."""
    await connection.execute(
        query("write_documents"),
        {
            "series": list(last_numbers),
            "last_number": list(last_numbers.values()),
            "account": [one.account_id for one in documents],
            "number": [one.number for one in documents],
            "kind": [one.kind.value for one in documents],
            "entry_seq": [one.entry_seq for one in documents],
            "amount_nanos": [one.amount_nanos for one in documents],
            "facts": [msgspec.json.encode(one).decode() for one in documents],
            "now": now,
        },
    )


async def list_documents(
    connection: Connection, account_id: str, *, before: int | None, limit: int
) -> list[Document]:
    """Documents newest first, those of entries below ``before``."""
    cursor = await connection.execute(
        query("list_documents"), {"account_id": account_id, "before": before, "limit": limit}
    )
    return [_document(facts) for _, facts in await cursor.fetchall()]


async def read_document(
    connection: Connection,
    account_id: str,
    *,
    number: str | None = None,
    entry_seq: int | None = None,
) -> Document | None:
    """One document, by its number or by its entry."""
    cursor = await connection.execute(
        query("read_document"),
        {"account_id": account_id, "number": number, "entry_seq": entry_seq},
    )
    row = await cursor.fetchone()
    return None if row is None else _document(row[1])


async def read_numbers(
    connection: Connection, account_id: str, entry_seqs: Sequence[int]
) -> dict[int, str]:
    """The numbers of the documents of some entries, by the entry's."""
    cursor = await connection.execute(
        query("document_numbers"), {"account_id": account_id, "entry_seq": list(entry_seqs)}
    )
    return dict(await cursor.fetchall())


async def read_buyer(connection: Connection, account_id: str) -> Party | None:
    """Who receipts are made out to, where the account has said so."""
    cursor = await connection.execute(query("read_buyer"), {"account_id": account_id})
    row = await cursor.fetchone()
    return None if row is None else Party(name=row[0], address=tuple(row[1]), tax_id=row[2])


async def change_buyer(
    connection: Connection, account_id: str, party: Party, *, now: datetime
) -> None:
    """Note who receipts are made out to from now on."""
    await connection.execute(
        query("change_buyer"),
        {
            "account_id": account_id,
            "name": party.name,
            "address": list(party.address),
            "tax_id": party.tax_id,
            "now": now,
        },
    )


def _due(*, receipt: str | None, **columns: object) -> DueDocument:
    return DueDocument(
        receipt=None if receipt is None else _document(receipt),
        **columns,  # type: ignore[arg-type]
    )


def _document(facts: str) -> Document:
    return msgspec.json.decode(facts, type=Document)
