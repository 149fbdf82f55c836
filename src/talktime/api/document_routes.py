"""Receipts and statements over HTTP: as JSON, or as the PDF that a customer keeps."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import UsdText
from talktime.api.bodies import PageQuery, answer, read_query
from talktime.api.description import described
from talktime.api.files import PDF, pdf_file, prefers
from talktime.core.account import format_margin_rate
from talktime.core.document import Document, DocumentKind, Party
from talktime.core.errors import AccountUnknown, DocumentUnknown
from talktime.core.ledger import EntryKind
from talktime.core.money import format_usd
from talktime.core.place import read_number
from talktime.core.statement import Statement
from talktime.gateways.pdf import on_paper
from talktime.gateways.pdf.receipts import receipt_pdf
from talktime.gateways.pdf.statements import statement_pdf
from talktime.ops.accounts import read_account
from talktime.ops.documents import list_documents, read_buyer, read_document, read_numbers
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.statements import parse_month, read_statement


class PaperQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which format."""

    format: Literal["json", "pdf"] | None = None
    """``pdf``: the paper, as with ``Accept: application/pdf``."""


class PartyBody(msgspec.Struct, frozen=True, kw_only=True):
    """Seller or buyer, as they stand on the document."""

    name: str
    address: tuple[str, ...]
    tax_id: str
    email: str


class TaxBody(msgspec.Struct, frozen=True, kw_only=True):
    """A tax that the amount includes."""

    label: str
    rate: str
    """Of the net amount: "0.23" is 23 %."""
    amount: UsdText


class DocumentBody(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt of a top-up or of a refund; it is issued once and never changes."""

    account_id: str
    number: str
    kind: DocumentKind
    issued_at: datetime
    paid_at: datetime
    amount: UsdText
    """What was paid, or went back, tax included."""
    net: UsdText
    tax: TaxBody | None
    seller: PartyBody
    buyer: PartyBody
    note: str
    provider: str
    top_up_id: str
    refunds: str | None
    """Of a refund: the number of the receipt that it takes back, in whole or in part."""
    entry_seq: int


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Documents, newest first."""

    items: list[DocumentBody]
    next_cursor: str | None
    """null on the last page."""


class BalancesBody(msgspec.Struct, frozen=True, kw_only=True):
    promo: UsdText
    paid: UsdText
    total: UsdText


class StatementLineBody(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of one kind together."""

    kind: EntryKind
    entries: int
    promo: UsdText
    paid: UsdText
    total: UsdText


class StatementUsageBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the month's calls were charged, by service line."""

    calls: int
    llm: UsdText
    stt: UsdText
    tts: UsdText
    sip: UsdText
    margin: UsdText
    total: UsdText


class StatementBody(msgspec.Struct, frozen=True, kw_only=True):
    """A month of an account. Opening and the lines add up to closing, to the last decimal."""

    account_id: str
    month: str
    time_zone: str
    since: datetime
    until: datetime
    """When the next month begins."""
    is_over: bool
    """false: what follows is the month so far."""
    opening: BalancesBody
    lines: list[StatementLineBody]
    usage: StatementUsageBody
    closing: BalancesBody


@get(
    "/v1/accounts/{account_id:str}/documents",
    opt=described(
        scope=Scope.ENTRIES_READ,
        query=PageQuery,
        answers={200: DocumentPage},
        refusals=(AccountUnknown,),
    ),
)
async def get_documents(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List an account's receipts, newest first."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, PageQuery)
    before = None if asked.cursor is None else read_number(asked.cursor, least=1)
    account_id = request.path_params["account_id"]
    async with platform.connection() as connection:
        await read_account(connection, account_id, now=platform.clock())
        page, below = await list_documents(
            connection,
            account_id,
            platform.seller,
            before=before,
            limit=asked.limit,
            now=platform.clock(),
        )
    cursor = None if below is None else str(below)
    return answer(DocumentPage(items=[_document(one) for one in page], next_cursor=cursor))


@get(
    "/v1/accounts/{account_id:str}/documents/{number:str}",
    opt=described(
        scope=Scope.ENTRIES_READ,
        query=PaperQuery,
        answers={200: DocumentBody},
        refusals=(DocumentUnknown,),
        media={PDF: "The receipt on paper: the same bytes each time."},
    ),
)
async def get_document(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read one receipt, or take it as PDF."""
    platform: Platform = request.app.state.platform
    wants_pdf = _wants_pdf(request)
    async with platform.connection() as connection:
        document = await read_document(
            connection,
            request.path_params["account_id"],
            platform.seller,
            now=platform.clock(),
            number=request.path_params["number"],
        )
    if wants_pdf:
        return pdf_file(await on_paper(receipt_pdf, document), f"{document.number}.pdf")
    return answer(_document(document))


@get(
    "/v1/accounts/{account_id:str}/statements/{month:str}",
    opt=described(
        scope=Scope.ENTRIES_READ,
        query=PaperQuery,
        answers={200: StatementBody},
        refusals=(AccountUnknown, DocumentUnknown),
        media={PDF: "The statement on paper."},
    ),
)
async def get_statement(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read the statement of a month, such as 2026-11, or take it as PDF."""
    platform: Platform = request.app.state.platform
    wants_pdf = _wants_pdf(request)
    month = parse_month(request.path_params["month"])
    async with platform.connection() as connection:
        now = platform.clock()
        account = await read_account(connection, request.path_params["account_id"], now=now)
        told = await read_statement(connection, account, month, now=now)
        if not wants_pdf:
            return answer(_statement(told))
        buyer = await read_buyer(connection, account)
        numbers = await read_numbers(
            connection,
            account.account_id,
            platform.seller,
            [entry.seq for entry in told.entries],
            now=now,
        )
    pdf = await on_paper(
        statement_pdf, told, account, seller=platform.seller, buyer=buyer, numbers=numbers
    )
    return pdf_file(pdf, f"statement-{month:%Y-%m}.pdf")


def _wants_pdf(request: Request[Any, Any, Any]) -> bool:
    asked = read_query(request, PaperQuery)
    if asked.format is not None:
        return asked.format == "pdf"
    return prefers(request, PDF)


def _document(document: Document) -> DocumentBody:
    tax = document.tax
    return DocumentBody(
        account_id=document.account_id,
        number=document.number,
        kind=document.kind,
        issued_at=document.issued_at,
        paid_at=document.paid_at,
        amount=format_usd(document.amount_nanos),
        net=format_usd(document.net_nanos),
        tax=None
        if tax is None
        else TaxBody(
            label=tax.label,
            rate=format_margin_rate(tax.rate_ppm),
            amount=format_usd(document.tax_nanos),
        ),
        seller=_party(document.seller),
        buyer=_party(document.buyer),
        note=document.note,
        provider=document.provider,
        top_up_id=document.reference,
        refunds=document.refunds or None,
        entry_seq=document.entry_seq,
    )


def _party(party: Party) -> PartyBody:
    return PartyBody(name=party.name, address=party.address, tax_id=party.tax_id, email=party.email)


def _statement(told: Statement) -> StatementBody:
    llm, stt, tts, sip, margin = map(format_usd, told.usage.parts)
    return StatementBody(
        account_id=told.account_id,
        month=f"{told.month:%Y-%m}",
        time_zone=told.zone,
        since=told.since,
        until=told.until,
        is_over=told.is_over,
        opening=_balances(told.opening_promo_nanos, told.opening_paid_nanos),
        lines=[
            StatementLineBody(
                kind=line.kind,
                entries=line.entries,
                promo=format_usd(line.promo_nanos),
                paid=format_usd(line.paid_nanos),
                total=format_usd(line.total_nanos),
            )
            for line in told.lines
        ],
        usage=StatementUsageBody(
            calls=told.usage.calls,
            llm=llm,
            stt=stt,
            tts=tts,
            sip=sip,
            margin=margin,
            total=format_usd(told.usage.charge_nanos),
        ),
        closing=_balances(told.closing_promo_nanos, told.closing_paid_nanos),
    )


def _balances(promo_nanos: int, paid_nanos: int) -> BalancesBody:
    return BalancesBody(
        promo=format_usd(promo_nanos),
        paid=format_usd(paid_nanos),
        total=format_usd(promo_nanos + paid_nanos),
    )


DOCUMENT_ROUTES: Final[list[ControllerRouterHandler]] = [
    get_documents,
    get_document,
    get_statement,
]
