"""The list of all money in and out by card: which part of it is asked for, and what is read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import msgspec

from talktime.core.account import Account
from talktime.core.errors import InvalidInput
from talktime.core.money_move import CHARGEBACK_KINDS, REFUND_KINDS, MoveKind, MovePlace
from talktime.core.place import read_place, unknown_place, write_place
from talktime.db.pool import Connection
from talktime.ops.money_moves import list_moves
from talktime.portal.billing.payments_view import MoveRow, move_row

PAGE_ROWS: Final = 25

SHOWN: Final[Mapping[str, tuple[str, frozenset[MoveKind]]]] = {
    "": ("All", frozenset(MoveKind)),
    "top-ups": ("Top-ups", frozenset({MoveKind.TOP_UP})),
    "refunds": ("Refunds", REFUND_KINDS),
    "chargebacks": ("Chargebacks", CHARGEBACK_KINDS),
}
"""What can be chosen: how addresses name it, in words, and what it holds."""


_NOTHING: Final[Mapping[str, str]] = {
    "top-ups": "Nothing was paid in yet, by hand or automatically.",
    "refunds": "Nothing was asked back, and nothing was sent back to a card.",
    "chargebacks": "No bank took a payment back.",
}


class MovesAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the list a page shows."""

    show: str = ""
    before: MovePlace | None = None

    def href(self, base: str, *, show: str, before: MovePlace | None = None) -> str:
        """The address of another part."""
        asked = {"show": show} if show else {}
        if before is not None:
            asked["before"] = write_place(before[0], *before[1:])
        return f"{base}/billing/payments{'?' if asked else ''}{urlencode(asked)}#payments"

    @property
    def told(self) -> dict[str, str]:
        """The same for the address of the stream."""
        place = {} if self.before is None else {"before": write_place(*self.before)}
        return {"show": self.show} | place


class MovesView(msgspec.Struct, frozen=True, kw_only=True):
    """What the list shows."""

    rows: tuple[MoveRow, ...]
    chips: tuple[tuple[str, str, bool], ...]
    """In words, where to, and whether it is what is shown."""
    is_newest: bool
    is_filtered: bool
    nothing: str
    """What there is to know where this part of the list is empty."""
    newest: str
    older: str
    """Empty where there is nothing older."""


def read_moves_asked(asked: Mapping[str, str]) -> MovesAsked:
    """From a page's or a stream's address. Raises InvalidInput."""
    show, text = asked.get("show", ""), asked.get("before")
    if show not in SHOWN:
        raise InvalidInput("payments are shown as top-ups, refunds, chargebacks, or all")
    if text is None:
        return MovesAsked(show=show)
    at, (kind, ref) = read_place(text, names=2, field="before")
    if kind not in set(MoveKind):
        raise unknown_place("before")
    return MovesAsked(show=show, before=(at, kind, ref))


async def read_moves_view(
    connection: Connection, account: Account, asked: MovesAsked, *, now: datetime, base: str
) -> MovesView:
    """The part of the list that is asked for, as it stands."""
    page, below = await list_moves(
        connection,
        account.account_id,
        kinds=SHOWN[asked.show][1],
        before=asked.before,
        limit=PAGE_ROWS,
    )
    return MovesView(
        rows=tuple(move_row(one, account, now=now, base=base) for one in page),
        chips=tuple(
            (name, asked.href(base, show=show), show == asked.show)
            for show, (name, _) in SHOWN.items()
        ),
        is_newest=asked.before is None,
        is_filtered=bool(asked.show),
        nothing=_NOTHING.get(asked.show, ""),
        newest=asked.href(base, show=asked.show),
        older=asked.href(base, show=asked.show, before=below) if below else "",
    )
