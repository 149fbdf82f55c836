"""What every page has around its content: the account, the way about, the stream it listens to."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from talktime.core.account import Account
from talktime.core.member import Right
from talktime.portal.desk import Desk
from talktime.portal.visiting import Visitor


def frame(visitor: Visitor, account: Account, place: str) -> dict[str, Any]:
    """What ``page.html`` needs; ``place`` is the entry of the sidebar that is current."""
    return {
        "account": account,
        "form_token": visitor.form_token,
        "may_spend": visitor.may(Right.SPEND),
        "place": place,
        "visitor": visitor,
    }


def live_address(
    desk: Desk,
    page: str,
    event_seq: int | None = None,
    *,
    is_newest: bool = False,
    also: Mapping[str, str] | None = None,
) -> str:
    """The address of the stream that goes on from where this page was rendered.

    Without a place it begins with how all stands: for pages that are told so as a whole.
    """
    asked = {"page": page, "newest": "1" if is_newest else "0"}
    if event_seq is not None:
        asked["after"] = str(event_seq)
    return f"{desk.pages.base}/live?{urlencode(asked | dict(also or {}))}"
