"""The price estimator: a form whose address can be shared, with the answer below it."""

import asyncio
from typing import Final

from litestar import Response, get

from talktime.core.errors import InvalidInput
from talktime.core.ratecard import Channel
from talktime.ops.accounts import read_account
from talktime.ops.estimates import (
    estimate_plan,
    known_models,
    margin_of,
    only_priced,
    read_usual,
    read_usual_channel,
)
from talktime.portal import words
from talktime.portal.desk import Asked, desk_of
from talktime.portal.framing import frame
from talktime.portal.insight.estimate_form import read_form, refuse
from talktime.portal.insight.estimate_view import estimate_view, usual_words


@get("/spend/estimate")
async def estimate(request: Asked) -> Response[str]:
    """What a planned call would cost; fields that the address leaves out are filled in."""
    desk = desk_of(request)
    params = request.query_params
    asked = params.get("channel", "")
    async with desk.visit(request) as (visitor, connection):
        now = desk.now
        account = await read_account(connection, visitor.account_id, now=now)
        if asked in set(Channel):
            usual = await read_usual(connection, visitor.account_id, Channel(asked))
        else:
            usual = await read_usual_channel(connection, visitor.account_id)
    book = desk.platform.prices.book
    form = read_form(params, only_priced(usual, book=book, at=now))
    # The first time, many names are looked for in a large table, which no call should wait for.
    known = await asyncio.to_thread(known_models, book, now)
    view, plan = None, form.plan
    if plan is not None:
        try:
            found = estimate_plan(
                plan, book=book, margin_ppm=margin_of(account, desk.platform.terms), at=now
            )
        except InvalidInput as refused:
            form = refuse(form, refused)
        else:
            address = f"{desk.pages.base}/spend/estimate"
            view = estimate_view(
                found,
                plan,
                form,
                account=account,
                floor_nanos=desk.platform.terms.floor_nanos,
                known=known,
                address=address,
            )
    return desk.pages.page(
        "insight/estimate.html",
        status_code=200 if view else 400,
        **frame(visitor, account, "spend"),
        part="estimate",
        channels=tuple(words.CHANNELS.items()),
        form=form,
        usual=usual_words(usual),
        known={f"{service.value}-models": names for service, names in known.items()},
        view=view,
    )


HANDLERS: Final = (estimate,)
