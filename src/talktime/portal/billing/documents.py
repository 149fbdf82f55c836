"""Receipts and statements to keep: as PDF, and a month's statement as a page."""

from collections.abc import Mapping
from typing import Final

from litestar import Response, get

from talktime.core.account import Account
from talktime.core.place import read_number
from talktime.core.statement import Statement
from talktime.db.pool import Connection
from talktime.gateways.pdf import on_paper
from talktime.gateways.pdf.receipts import receipt_pdf
from talktime.gateways.pdf.statements import statement_pdf
from talktime.ops.accounts import read_account
from talktime.ops.documents import read_buyer, read_document, read_numbers
from talktime.ops.statements import parse_month, read_statement
from talktime.portal.billing.statement_view import statement_view
from talktime.portal.desk import Asked, Desk, desk_of
from talktime.portal.framing import frame
from talktime.portal.rendering import PAGE_HEADERS

# Browsers show a PDF with a page of their own, which a policy for our pages would leave blank.
PDF_HEADERS: Final[Mapping[str, str]] = {
    **PAGE_HEADERS,
    "Content-Security-Policy": "frame-ancestors 'none'",
}


@get("/billing/receipts/{seq:str}")
async def receipt(request: Asked) -> Response[bytes]:
    """The receipt of a transaction."""
    desk = desk_of(request)
    seq = read_number(str(request.path_params["seq"]), field="seq")
    async with desk.visit(request) as (visitor, connection):
        document = await read_document(
            connection, visitor.account_id, desk.platform.seller, now=desk.now, entry_seq=seq
        )
    return pdf_answer(await on_paper(receipt_pdf, document), document.number)


@get("/billing/statements/{month:str}")
async def statement(request: Asked) -> Response[str]:
    """A month: where the balance stood, what moved it, where it stands."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        account, told, numbers = await _read(desk, connection, visitor.account_id, request)
    return desk.pages.page(
        "billing/statement.html",
        **frame(visitor, account, "billing"),
        view=statement_view(told, numbers, desk.pages.base),
    )


@get("/billing/statements/{month:str}/pdf")
async def statement_file(request: Asked) -> Response[bytes]:
    """The same on paper."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        account, told, numbers = await _read(desk, connection, visitor.account_id, request)
        buyer = await read_buyer(connection, account)
    pdf = await on_paper(
        statement_pdf, told, account, seller=desk.platform.seller, buyer=buyer, numbers=numbers
    )
    return pdf_answer(pdf, f"statement-{told.month:%Y-%m}")


def pdf_answer(pdf: bytes, name: str) -> Response[bytes]:
    """A PDF that a browser shows, and keeps under this name."""
    return Response(
        pdf,
        media_type="application/pdf",
        headers={**PDF_HEADERS, "Content-Disposition": f'inline; filename="{name}.pdf"'},
    )


async def _read(
    desk: Desk, connection: Connection, account_id: str, request: Asked
) -> tuple[Account, Statement, dict[int, str]]:
    now = desk.now
    month = parse_month(str(request.path_params["month"]))
    account = await read_account(connection, account_id, now=now)
    told = await read_statement(connection, account, month, now=now)
    numbers = await read_numbers(
        connection,
        account_id,
        desk.platform.seller,
        [entry.seq for entry in told.entries],
        now=now,
    )
    return account, told, numbers


HANDLERS: Final = (receipt, statement, statement_file)
