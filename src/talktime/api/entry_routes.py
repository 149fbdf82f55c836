"""The ledger over HTTP: an account's history, and an operator's corrections of it."""

from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import EntryBody, UsdText, entry_body
from talktime.api.bodies import PageQuery, answer, read_body, read_query
from talktime.api.description import described
from talktime.api.files import CSV, csv_file, prefers
from talktime.core.entry_filter import TEXT_MAX, EntryFilter, check_search
from talktime.core.errors import (
    AccountUnknown,
    PromoInsufficient,
    ReferenceConflict,
)
from talktime.core.ledger import EntryKind
from talktime.core.money import parse_usd
from talktime.core.place import read_number
from talktime.ops.accounts import read_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.entries import export_entries, find_entries
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform
from talktime.ops.spend_days import day_end, day_start


class EntriesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries, how many of them, and in which format. Everything given has to fit."""

    kind: EntryKind | None = None
    from_date: date | None = None
    """Recorded on this day of the account's time zone or later."""
    to_date: date | None = None
    """Recorded on this day of the account's time zone or earlier."""
    q: Annotated[str, msgspec.Meta(max_length=TEXT_MAX)] = ""
    """How the reference begins (call id, coupon code), as written; or, unless the entry is a call,
    words of its note or its amount."""
    format: Literal["json", "csv"] | None = None
    """``csv``: all of these entries as a file, as with ``Accept: text/csv``."""


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first."""

    items: list[EntryBody]
    next_cursor: str | None
    """null on the last page. A page may have few items, or none, and still name the next: where
    what is sought is rare in a long history, each page looks at a part of it."""


class NewAdjustment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A correction of either balance or both; negative takes away."""

    adjustment_id: str
    """Yours to choose; sent again, it is the same adjustment."""
    paid: UsdText | None = None
    """May leave the paid balance below zero."""
    promo: UsdText | None = None
    """May not leave the promo balance below zero."""
    reason: str
    """Auditors and the customer will read it."""


@get(
    "/v1/accounts/{account_id:str}/entries",
    opt=described(
        scope=Scope.ENTRIES_READ,
        query=EntriesQuery,
        answers={200: EntryPage},
        refusals=(AccountUnknown,),
        media={CSV: "All entries asked for, newest first, with exact amounts."},
    ),
)
async def get_entries(request: Request[Any, Any, Any]) -> Response[Any] | Stream:
    """List an account's transactions, newest first; or all that are asked for as CSV."""
    platform: Platform = request.app.state.platform
    account_id = request.path_params["account_id"]
    asked = read_query(request, EntriesQuery)
    before = None if asked.cursor is None else read_number(asked.cursor, least=1)
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=platform.clock())
        wanted = _read_filter(asked, account.time_zone)
        if _wants_csv(request, asked):
            pieces = export_entries(platform.connection, account_id, wanted)
            return csv_file(pieces, "transactions.csv")
        page, last = await find_entries(
            connection, account_id, wanted, before=before, limit=asked.limit
        )
    next_cursor = None if last is None else str(last)
    return answer(EntryPage(items=[entry_body(entry) for entry in page], next_cursor=next_cursor))


@post(
    "/v1/accounts/{account_id:str}/adjustments",
    opt=described(
        scope=Scope.LEDGER_ADJUST,
        body=NewAdjustment,
        answers={201: EntryBody, 200: EntryBody},
        refusals=(AccountUnknown, ReferenceConflict, PromoInsufficient),
    ),
)
async def adjust_account(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Correct an account's balances, with a reason.

    201: posted. 200: posted before, with the same facts.
    """
    platform: Platform = request.app.state.platform
    body = await read_body(request, NewAdjustment)
    promo_nanos = 0 if body.promo is None else parse_usd(body.promo, field="promo")
    paid_nanos = 0 if body.paid is None else parse_usd(body.paid, field="paid")
    async with platform.connection() as connection:
        entry, created = await post_adjustment(
            connection,
            account_id=request.path_params["account_id"],
            adjustment_id=body.adjustment_id,
            promo_nanos=promo_nanos,
            paid_nanos=paid_nanos,
            reason=body.reason,
            terms=platform.terms,
            now=platform.clock(),
        )
    return answer(entry_body(entry), 201 if created else 200)


def _read_filter(asked: EntriesQuery, zone: str) -> EntryFilter:
    return EntryFilter(
        kind=asked.kind,
        from_time=None if asked.from_date is None else day_start(asked.from_date, zone),
        to_time=None if asked.to_date is None else day_end(asked.to_date, zone),
        text=check_search(asked.q, field="q"),
    )


def _wants_csv(request: Request[Any, Any, Any], asked: EntriesQuery) -> bool:
    if asked.format is not None:
        return asked.format == "csv"
    return prefers(request, CSV)


ENTRY_ROUTES: Final[list[ControllerRouterHandler]] = [get_entries, adjust_account]
