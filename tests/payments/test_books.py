"""Money by card in the books: an auditor that we did not write agrees with them."""

from pathlib import Path

from talktime.core.double_entry import CARD_CLEARING, book_entry, paid_liability
from talktime.ops.ledger_export import export_beancount
from tests.ops.test_ledger_export import bean_check
from tests.payments.refunding import Refunder, given, said, taken


async def test_every_kind_balances(refunder: Refunder, tmp_path: Path) -> None:
    """Top-up, refund, a refund that comes back, chargeback and its reversal are each between the
    customer and card clearing, and bean-check accepts the books."""
    payment = await refunder.paid("10")
    assert payment.intent_id is not None
    back = refunder.stripe.back
    direct = back.from_dashboard(payment.intent_id, 300)
    await refunder.tell(said(back.end(direct["id"])))
    await refunder.tell(said(back.end(direct["id"], "failed")))
    dispute = back.dispute(payment.intent_id, 600)
    await refunder.tell(taken(dispute))
    await refunder.tell(given(dispute, 100))

    rows = await refunder.rows()
    assert [row.kind.value for row in rows] == [
        "top_up",
        "refund",
        "refund_reversed",
        "chargeback",
        "chargeback_reversed",
    ]
    for row in rows:
        legs = {leg.account: leg.amount_nanos for leg in book_entry(row).legs}
        assert legs == {
            CARD_CLEARING: row.paid_delta_nanos,
            paid_liability(row.account_id): -row.paid_delta_nanos,
        }

    file = tmp_path / "books.beancount"
    async with refunder.platform.connection() as connection:
        books = export_beancount(connection, account_id=refunder.account_id)
        file.write_text("".join([text async for text in books]))
    done = bean_check(file)
    assert (done.returncode, done.stderr) == (0, "")


async def test_the_audit_finds_a_wrong_sum(refunder: Refunder) -> None:
    """A nano more set aside than the refunds under way say, or a part that lost its entry, is
    found by the audit."""
    await refunder.paid("10")
    refund = await refunder.approve(await refunder.ask("4"))
    await refunder.run()
    [sent] = refunder.stripe.back.refunds.values()
    assert await refunder.faults() == []
    async with refunder.platform.connection() as connection:
        await connection.execute(
            "UPDATE account SET refund_reserved_nanos = refund_reserved_nanos + 1"
            " WHERE account_id = %s",
            [refunder.account_id],
        )
    [fault] = await refunder.faults()
    assert "reserved for refunds" in fault
    async with refunder.platform.connection() as connection:
        await connection.execute(
            "UPDATE account SET refund_reserved_nanos = refund_reserved_nanos - 1"
            " WHERE account_id = %s",
            [refunder.account_id],
        )
    await refunder.tell(said(refunder.stripe.back.end(sent["id"])))
    async with refunder.platform.connection() as connection:
        await connection.execute(
            "UPDATE refund_part SET entry_seq = NULL WHERE account_id = %s AND part_id = %s",
            [refunder.account_id, refund.parts[0].part_id],
        )
    assert any(sent["id"] in fault for fault in await refunder.faults())
    async with refunder.platform.connection() as connection:
        await connection.execute(
            "UPDATE refund_part SET entry_seq = %s WHERE account_id = %s AND part_id = %s",
            [(await refunder.rows())[-1].seq, refunder.account_id, refund.parts[0].part_id],
        )
    assert await refunder.faults() == []
