"""The calls of a list as files to download."""

from typing import Final

from litestar import get
from litestar.response import Stream

from talktime.core.errors import InvalidInput
from talktime.ops.accounts import read_account
from talktime.ops.call_export import ExportFormat, export_calls
from talktime.portal.calls.asking import read_asked
from talktime.portal.desk import Asked, desk_of
from talktime.portal.rendering import PAGE_HEADERS

_NAMES: Final = {ExportFormat.CSV: "calls.csv", ExportFormat.FOCUS: "calls.focus.csv"}


@get("/calls.csv")
async def calls_csv(request: Asked) -> Stream:
    """The calls that the address asks for, one row each."""
    return await _file(request, ExportFormat.CSV)


@get("/calls.focus.csv")
async def calls_focus(request: Asked) -> Stream:
    """The charges of the calls that the address asks for, in FOCUS columns."""
    return await _file(request, ExportFormat.FOCUS)


async def _file(request: Asked, export_format: ExportFormat) -> Stream:
    """Newest first, whatever the sorting of the page: a spreadsheet sorts by itself."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
    asked = read_asked(request.query_params, account, now=now)
    for field, error in asked.errors.items():
        raise InvalidInput(error, field=field)
    pieces = export_calls(
        desk.platform.connection,
        account,
        asked.wanted,
        export_format,
        mask=account.number_mask,
        now=now,
    )
    return Stream(
        pieces,
        media_type="text/csv",
        headers={
            **PAGE_HEADERS,
            "Content-Disposition": f'attachment; filename="{_NAMES[export_format]}"',
        },
    )


HANDLERS: Final = (calls_csv, calls_focus)
