"""The Spend page: what a period cost, and where it went."""

from typing import Final

from litestar import Response, get

from talktime.ops.accounts import read_account
from talktime.ops.spend import MODELS_CALLS_MAX, read_spend
from talktime.portal.desk import Asked, desk_of
from talktime.portal.figures import zone_of
from talktime.portal.framing import frame
from talktime.portal.insight.periods import SPAN_NAMES, asked_period
from talktime.portal.insight.spend_view import spend_view


@get("/spend")
async def spend(request: Asked) -> Response[str]:
    """What the account's calls of a period were charged."""
    desk = desk_of(request)
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
        asked = asked_period(request.query_params, account, now=now)
        told = asked.period and await read_spend(connection, account, asked.period, now=now)
    zone = zone_of(account.zone_at(now))
    return desk.pages.page(
        "insight/spend.html",
        status_code=200 if told else 400,
        **frame(visitor, account, "spend"),
        part="spent",
        asked=asked,
        spans=tuple(SPAN_NAMES.items()),
        zone=account.zone_at(now),
        models_most=f"{MODELS_CALLS_MAX:,}",
        view=told
        and spend_view(told, zone=zone, today=now.astimezone(zone).date(), base=desk.pages.base),
    )


HANDLERS: Final = (spend,)
