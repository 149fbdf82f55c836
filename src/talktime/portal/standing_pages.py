"""Pages about payments are told how all that is theirs stands, whatever it was that changed.

Few look at them, and what they tell comes from many places: a provider's word, an operator, the
worker, the time that passed. So they are read anew, and what is not as before is sent.
"""

from typing import Final

from talktime.ops.accounts import read_account
from talktime.ops.platform import Platform
from talktime.ops.top_ups import read_payment
from talktime.portal.billing.auto_reload import read_reload_page
from talktime.portal.billing.money_moves import read_moves_view
from talktime.portal.billing.refunding import read_refund_page
from talktime.portal.billing.top_up_view import top_up_view
from talktime.portal.open_page import OpenPage
from talktime.portal.rendering import Pages

_TEMPLATES: Final = {
    "payments": ("billing/moves.html",),
    "refund": (
        "billing/refund_figure.html",
        "billing/refund_room.html",
        "billing/refund_next.html",
        "billing/refund_list.html",
    ),
    "auto_reload": (
        "billing/reload_saving.html",
        "billing/reload_state.html",
        "billing/reload_card.html",
        "billing/reload_used.html",
        "billing/reload_attempts.html",
        "billing/reload_checks.html",
    ),
    "top_up": ("billing/top_up_card.html",),
}

STANDING: Final = frozenset(_TEMPLATES)


async def standing_pieces(
    platform: Platform, pages: Pages, account_id: str, page: OpenPage
) -> list[str]:
    """All pieces of one of these pages, as they are now."""
    now, base = platform.clock(), pages.base
    view: object
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=now)
        if page.name == "payments":
            view = await read_moves_view(connection, account, page.moves, now=now, base=base)
        elif page.name == "refund":
            provider = platform.checkout.name
            view = await read_refund_page(connection, account, provider=provider)
        elif page.name == "auto_reload":
            cards = platform.checkout.cards
            view = await read_reload_page(connection, account, cards, now=now, base=base)
        else:
            payment = await read_payment(connection, account_id, page.payment_id)
            # Again: where it has arrived meanwhile, only the balance read after it holds it.
            account = await read_account(connection, account_id, now=now)
            view = top_up_view(payment, account, back=page.told, now=now, base=base)
    values = {"account": account, "may_spend": page.may_spend, "told": page.told, "view": view}
    return [pages.html(template, **values) for template in _TEMPLATES[page.name]]
