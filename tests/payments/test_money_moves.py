"""All that moves between an account and its cards, in one list."""

from datetime import datetime

from talktime.core.money import NANOS_PER_USD
from talktime.core.money_move import REFUND_KINDS, MoneyMove, MoveKind, MovePlace, OpenState
from talktime.core.refund import DisputeNotice, PartStatus, RefundNotice
from talktime.ops.disputes import settle_dispute
from talktime.ops.money_moves import list_moves, list_open_moves
from talktime.ops.refunds import ask_refund, settle_refund
from tests.payments.paying import Payer, notice


async def everything(payer: Payer, at: datetime) -> None:
    """A top-up, a refund asked for, one begun at the provider, a chargeback and its reversal: all
    of one moment."""
    payment = await payer.begin("25")
    payment = await payer.tell(notice(payment))
    assert payment.intent_id is not None
    account_id, payment_id = payer.account_id, payment.payment_id
    terms = payer.platform.terms
    async with payer.platform.connection() as connection:
        await settle_refund(
            connection,
            RefundNotice(
                provider_refund_id=f"re_{payment.payment_id}",
                intent_id=payment.intent_id,
                amount_cents=100,
                currency="usd",
                status=PartStatus.SUCCEEDED,
                account_id=account_id,
                payment_id=payment_id,
            ),
            terms=terms,
            now=at,
        )
        for withdrawn, reinstated in ((2_000, None), (None, 2_000)):
            told = DisputeNotice(
                dispute_id=f"dp_{payment.payment_id}",
                intent_id=payment.intent_id,
                currency="usd",
                withdrawn_cents=withdrawn,
                reinstated_cents=reinstated,
                account_id=account_id,
                payment_id=payment_id,
            )
            await settle_dispute(connection, told, terms=terms, now=at)
        await ask_refund(
            connection,
            account_id=payer.account_id,
            refund_id=f"ref_{payment.payment_id}",
            provider=payer.provider.name,
            amount_nanos=NANOS_PER_USD,
            now=at,
        )


async def pages(payer: Payer, *, limit: int) -> list[MoneyMove]:
    found: list[MoneyMove] = []
    below: MovePlace | None = None
    async with payer.platform.connection() as connection:
        while not found or below is not None:
            page, below = await list_moves(
                connection, payer.account_id, kinds=list(MoveKind), before=below, limit=limit
            )
            found += page
    return found


async def test_each_once_however_it_is_paged(payer: Payer) -> None:
    """Pages of any length list the same, each once, newest first, also of what shares a moment."""
    await everything(payer, payer.platform.clock())
    await payer.begin("10")
    whole = await pages(payer, limit=50)
    assert sorted(move.kind for move in whole) == sorted([*MoveKind, MoveKind.TOP_UP])
    assert [move.moved_at for move in whole] == sorted(
        (move.moved_at for move in whole), reverse=True
    )
    for limit in (1, 2, 3):
        assert await pages(payer, limit=limit) == whole


async def test_some_kinds_alone(payer: Payer) -> None:
    """Only the kinds that are asked for are listed."""
    await everything(payer, payer.platform.clock())
    async with payer.platform.connection() as connection:
        found, below = await list_moves(
            connection, payer.account_id, kinds=REFUND_KINDS, before=None, limit=10
        )
    assert {move.kind for move in found} == REFUND_KINDS
    assert below is None


async def test_what_is_under_way(payer: Payer) -> None:
    """A payment that waits and a refund that was asked for are under way; what has come to its end
    is not."""
    await everything(payer, payer.platform.clock())
    waiting = await payer.begin("10")
    async with payer.platform.connection() as connection:
        found = await list_open_moves(connection, payer.account_id, now=payer.platform.clock())
    assert [(move.state, move.amount_nanos) for move in found] == [
        (OpenState.UNPAID, 10 * NANOS_PER_USD),
        (OpenState.ASKED, NANOS_PER_USD),
    ]
    assert found[0].ref == waiting.payment_id
