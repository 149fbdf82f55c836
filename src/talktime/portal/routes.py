"""The customer's pages over HTTP: what stands at which address."""

from collections.abc import Sequence

from litestar import Router

from talktime.ops.live import LiveFeed
from talktime.ops.platform import Platform
from talktime.portal import listening
from talktime.portal.access import coming_and_going, signing_in, switching, unsubscribing
from talktime.portal.access.embedding import embedding_headers
from talktime.portal.billing import (
    auto_reload,
    documents,
    payer_page,
    payments_page,
    redeeming,
    refunding,
    sandbox_pages,
    sandbox_setup,
    topping_up,
)
from talktime.portal.billing import pages as billing_pages
from talktime.portal.calls import export_pages, receipt_pages
from talktime.portal.calls import pages as call_pages
from talktime.portal.desk import OPT, Desk
from talktime.portal.forms import FORM_BYTES_MAX
from talktime.portal.insight import estimating
from talktime.portal.insight import pages as insight_pages
from talktime.portal.odd_signs import check_address
from talktime.portal.refusals import refusal_pages
from talktime.portal.rendering import Pages
from talktime.portal.settings import general, keys, people, webhooks


def portal_router(platform: Platform, *, frame_origins: Sequence[str] = ()) -> Router:
    """Everything a customer sees, and the assets of it.

    ``frame_origins`` are the sites within which pages may be shown.

    Listens through the feed in the application's state (``live``) where there is one.
    """
    pages = Pages(
        platform.public_url,
        takes_payments=platform.payments is not None,
        frame_origins=frame_origins,
    )
    desk = Desk(platform=platform, pages=pages, own_feed=LiveFeed(platform))
    return Router(
        path="/",
        route_handlers=[
            *coming_and_going.HANDLERS,
            *signing_in.HANDLERS,
            *switching.HANDLERS,
            *unsubscribing.HANDLERS,
            *general.HANDLERS,
            *people.HANDLERS,
            *keys.HANDLERS,
            *webhooks.HANDLERS,
            *billing_pages.HANDLERS,
            *redeeming.HANDLERS,
            *topping_up.HANDLERS,
            *payer_page.HANDLERS,
            *auto_reload.HANDLERS,
            *refunding.HANDLERS,
            *sandbox_pages.HANDLERS,
            *sandbox_setup.HANDLERS,
            *payments_page.HANDLERS,
            *documents.HANDLERS,
            *call_pages.HANDLERS,
            *export_pages.HANDLERS,
            *receipt_pages.HANDLERS,
            *insight_pages.HANDLERS,
            *estimating.HANDLERS,
            *listening.HANDLERS,
        ],
        middleware=[embedding_headers],
        request_max_body_size=FORM_BYTES_MAX,
        before_request=check_address,
        exception_handlers=refusal_pages(pages),
        include_in_schema=False,
        opt={OPT: desk},
    )
