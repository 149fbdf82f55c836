"""Disputes over HTTP, for the operator: what banks took back, and how each stands."""

from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.types import ControllerRouterHandler

from talktime.api.account_wire import UsdText
from talktime.api.bodies import PageQuery, answer, read_body, read_query
from talktime.api.description import described
from talktime.core.dispute import Dispute, DisputeState, say_state
from talktime.core.errors import DisputeClear, DisputeUnknown
from talktime.core.money import parse_usd, usd_or_none
from talktime.core.one_line import check_id
from talktime.core.place import read_place, write_place
from talktime.ops.disputes import credit_dispute, list_disputes
from talktime.ops.keys import Scope
from talktime.ops.platform import Platform


class DisputesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose disputes, how many, and from where on."""

    account_id: str | None = None


class DisputeBody(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute as it stands."""

    account_id: str
    dispute_id: str
    """The provider's id; the transactions carry it as their reference."""
    top_up_id: str
    state: DisputeState
    says: str
    """How it stands, in words."""
    taken: UsdText | None
    """null: not told yet."""
    given_again: UsdText | None
    """null: nothing was, or it is not clear how much."""
    heard_at: datetime
    """When it was first told of."""
    entry_seq: int | None
    """The transaction that debited it."""
    reversal_seq: int | None
    """The transaction that credited what was given again."""


class DisputePage(msgspec.Struct, frozen=True, kw_only=True):
    """Disputes, the one heard of last first."""

    items: list[DisputeBody]
    next_cursor: str | None
    """null on the last page."""


class GivenAgain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a dispute gave again, as the provider's dashboard shows it."""

    amount: UsdText
    """Whole cents, at most what was taken."""


@get(
    "/v1/disputes",
    opt=described(scope=Scope.REFUNDS_DECIDE, query=DisputesQuery, answers={200: DisputePage}),
)
async def get_disputes(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List what banks took back, of one account or of all, the dispute heard of last first."""
    platform: Platform = request.app.state.platform
    asked = read_query(request, DisputesQuery)
    before = None
    if asked.cursor is not None:
        at, (account_id, dispute_id) = read_place(asked.cursor, names=2)
        before = at, account_id, dispute_id
    async with platform.connection() as connection:
        page, below = await list_disputes(
            connection,
            account_id=(
                None if asked.account_id is None else check_id(asked.account_id, "account_id")
            ),
            before=before,
            limit=asked.limit,
        )
    return answer(
        DisputePage(
            items=[_body(dispute) for dispute in page],
            next_cursor=None if below is None else write_place(*below),
        )
    )


@post(
    "/v1/accounts/{account_id:str}/disputes/{dispute_id:str}/credit",
    status_code=200,
    opt=described(
        scope=Scope.REFUNDS_DECIDE,
        body=GivenAgain,
        answers={200: DisputeBody},
        refusals=(DisputeUnknown, DisputeClear),
    ),
)
async def credit(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Credit what a dispute gave again, where the provider does not say clearly how much.

    For disputes that stand ``given_again_unclear``; the same amount again is harmless.
    """
    platform: Platform = request.app.state.platform
    body = await read_body(request, GivenAgain)
    async with platform.connection() as connection:
        dispute = await credit_dispute(
            connection,
            account_id=request.path_params["account_id"],
            dispute_id=request.path_params["dispute_id"],
            amount_nanos=parse_usd(body.amount, field="amount"),
            terms=platform.terms,
            now=platform.clock(),
        )
    return answer(_body(dispute))


def _body(dispute: Dispute) -> DisputeBody:
    return DisputeBody(
        account_id=dispute.account_id,
        dispute_id=dispute.dispute_id,
        top_up_id=dispute.payment_id,
        state=dispute.state,
        says=say_state(dispute.state),
        taken=usd_or_none(dispute.withdrawn_nanos),
        given_again=usd_or_none(dispute.reinstated_nanos),
        heard_at=dispute.heard_at,
        entry_seq=dispute.entry_seq,
        reversal_seq=dispute.reversal_seq,
    )


DISPUTE_ROUTES: Final[list[ControllerRouterHandler]] = [get_disputes, credit]
