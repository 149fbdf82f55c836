"""Receipts: numbered without gaps, issued once per entry, read back as they were issued."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from talktime.core.account import Account
from talktime.core.document import (
    DOCUMENTED,
    Document,
    DocumentKind,
    Party,
    Seller,
    check_buyer,
    document_number,
    series_of,
)
from talktime.core.errors import DocumentUnknown
from talktime.core.ledger import EntryKind
from talktime.db import documents
from talktime.db.pool import Connection
from talktime.ops.accounts import check_limit

ISSUED_AT_ONCE: Final = 200
_NUMBER: Final = re.compile(r"[A-Z]{1,4}-[0-9]{4}-[0-9]{6,12}", re.ASCII)
_SEQ_MAX: Final = 10**18


async def issue_due_documents(
    connection: Connection, seller: Seller, *, now: datetime, account_id: str | None = None
) -> int:
    """Give each entry that waits for its document one, the oldest first, at most ISSUED_AT_ONCE.

    Whoever issues holds the series until the documents are written, so their numbers have no
    gap and none is given twice; no account is locked. None: of every account. Answers how many.
    """
    async with connection.transaction():
        last = await documents.lock_series(
            connection, sorted(series_of(kind, now) for kind in DocumentKind)
        )
        due = await documents.read_due(connection, account_id, limit=ISSUED_AT_ONCE)
        issued: dict[tuple[str, int], Document] = {}
        for one in due:
            series = series_of(DOCUMENTED[EntryKind(one.kind)], now)
            last[series] += 1
            number = document_number(series, last[series])
            receipt = one.receipt or issued.get((one.account_id, one.payment_seq or 0))
            issued[one.account_id, one.entry_seq] = _issue(one, number, seller, receipt, now)
        if issued:
            await documents.write_documents(
                connection, list(issued.values()), last_numbers=last, now=now
            )
    return len(issued)


async def list_documents(
    connection: Connection,
    account_id: str,
    seller: Seller,
    *,
    before: int | None,
    limit: int,
    now: datetime,
) -> tuple[list[Document], int | None]:
    """A page of at most ``limit`` (1 to 200) documents, newest first, and where to go on below.

    What is due is issued before.
    """
    check_limit(limit)
    await _issue_for(connection, account_id, seller, now=now)
    found = await documents.list_documents(connection, account_id, before=before, limit=limit + 1)
    page = found[:limit]
    return page, page[-1].entry_seq if len(found) > limit else None


async def read_document(
    connection: Connection,
    account_id: str,
    seller: Seller,
    *,
    now: datetime,
    number: str | None = None,
    entry_seq: int | None = None,
) -> Document:
    """A document by its number or its entry; what is due is issued before. Raises DocumentUnknown.

    ``entry_seq`` is the number of the entry that it is about.
    """
    found = None
    if entry_seq is None or entry_seq < _SEQ_MAX:
        await _issue_for(connection, account_id, seller, now=now)
        found = await documents.read_document(
            connection,
            account_id,
            number=number if number and _NUMBER.fullmatch(number) else None,
            entry_seq=entry_seq,
        )
    if found is None:
        asked = "with that number" if number else f"of transaction {entry_seq}"
        raise DocumentUnknown(f"there is no receipt {asked} on this account", field="number")
    return found


async def read_numbers(
    connection: Connection,
    account_id: str,
    seller: Seller,
    entry_seqs: Sequence[int],
    *,
    now: datetime,
) -> dict[int, str]:
    """The numbers of the documents that some entries have, by the entry's; what is due is issued
    before."""
    await _issue_for(connection, account_id, seller, now=now)
    return await documents.read_numbers(connection, account_id, entry_seqs)


async def read_buyer(connection: Connection, account: Account) -> Party:
    """Who the account's next receipt is made out to."""
    buyer = await documents.read_buyer(connection, account.account_id)
    return buyer or Party(name=account.name)


async def change_buyer(
    connection: Connection, account_id: str, party: Party, *, now: datetime
) -> None:
    """Make receipts from now on out to somebody. Raises InvalidInput naming the field."""
    await documents.change_buyer(connection, account_id, check_buyer(party), now=now)


async def _issue_for(
    connection: Connection, account_id: str, seller: Seller, *, now: datetime
) -> None:
    if await documents.has_due(connection, account_id):
        await issue_due_documents(connection, seller, now=now, account_id=account_id)


def _issue(
    due: documents.DueDocument,
    number: str,
    seller: Seller,
    receipt: Document | None,
    now: datetime,
) -> Document:
    """``receipt``: of the payment that a refund is about; what it said of tax holds for both."""
    return Document(
        account_id=due.account_id,
        number=number,
        kind=DOCUMENTED[EntryKind(due.kind)],
        entry_seq=due.entry_seq,
        issued_at=now,
        amount_nanos=due.amount_nanos,
        paid_at=due.paid_at,
        time_zone=due.time_zone,
        seller=seller.party,
        note=seller.note,
        buyer=Party(
            name=due.buyer_name or due.account_name,
            address=tuple(due.buyer_address or ()),
            tax_id=due.buyer_tax_id or "",
            email=due.account_email,
        ),
        tax=seller.tax if receipt is None else receipt.tax,
        provider=due.provider or "",
        reference=due.reference,
        provider_reference=due.provider_reference or "",
        refunds="" if receipt is None else receipt.number,
    )
