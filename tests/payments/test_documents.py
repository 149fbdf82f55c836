"""Receipts: one per top-up, numbered without gaps, and the same for ever."""

import asyncio
import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pypdfium2
import pytest

from talktime.core.document import (
    Document,
    DocumentKind,
    Party,
    Seller,
    Tax,
    check_buyer,
    parse_seller,
    series_of,
)
from talktime.core.errors import DocumentUnknown, InvalidInput
from talktime.core.money import NANOS_PER_USD
from talktime.core.refund import RefundStatus
from talktime.db.pool import Connection
from talktime.gateways.pdf.receipts import receipt_pdf
from talktime.ops.accounts import read_account
from talktime.ops.documents import (
    change_buyer,
    issue_due_documents,
    list_documents,
    read_buyer,
    read_document,
)
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.payments.paying import Payer, notice
from tests.payments.refunding import Refunder, said

SELLER = Seller(
    party=Party(name="Example Voice Ltd.", address=("1 Example Street", "Dublin 2"), tax_id="IE1"),
    tax=Tax(label="VAT", rate_ppm=230_000),
    note="Thank you.",
)
RECEIPT = Document(
    account_id="acct-1",
    number="R-2026-000007",
    kind=DocumentKind.RECEIPT,
    entry_seq=3,
    issued_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    amount_nanos=25 * NANOS_PER_USD,
    paid_at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC),
    time_zone="Europe/Berlin",
    seller=SELLER.party,
    note=SELLER.note,
    buyer=Party(name="Ada's Bots", email="ada@example.com"),
    tax=SELLER.tax,
    provider="stripe",
    reference="top_1",
    provider_reference="pi_1",
)


def words(pdf: bytes) -> str:
    """What stands on a paper."""
    paper = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in paper)
    finally:
        paper.close()


async def pay(payer: Payer, amount: str = "10") -> None:
    await payer.tell(notice(await payer.begin(amount)))


async def receipts(payer: Payer, seller: Seller = SELLER) -> list[Document]:
    async with payer.platform.connection() as connection:
        found, _ = await list_documents(
            connection, payer.account_id, seller, before=None, limit=200,
            now=payer.platform.clock(),
        )  # fmt: skip
    return found


async def test_each_top_up_has_its_receipt(payer: Payer) -> None:
    """A credited payment has one receipt with what was paid; one that was not paid has none."""
    await pay(payer, "25")
    await payer.begin("50")
    [receipt] = await receipts(payer)
    [entry] = await payer.top_ups()
    assert re.fullmatch(r"R-\d{4}-\d{6}", receipt.number)
    assert (receipt.entry_seq, receipt.amount_nanos) == (entry.seq, entry.paid_delta_nanos)
    assert (receipt.reference, receipt.provider) == (entry.ref, "stripe")
    assert receipt.provider_reference == f"pi_{entry.ref}"
    assert await receipts(payer) == [receipt]


async def test_numbers_have_no_gap(
    platform: Platform, payer: Payer, make_account: AccountFactory
) -> None:
    """Whoever issues at the same moment, and whoever fails in between: the numbers follow one
    another, each once, over all accounts."""
    payers = [Payer(platform, payer.provider, await make_account()) for _ in range(4)]
    for one in payers:
        for _ in range(3):
            await pay(one)

    async def issue(account_id: str | None) -> None:
        async with platform.connection() as connection:
            await issue_due_documents(
                connection, SELLER, now=platform.clock(), account_id=account_id
            )

    async def give_up(account_id: str) -> None:
        async with platform.connection() as connection, connection.transaction():
            await issue_due_documents(
                connection, SELLER, now=platform.clock(), account_id=account_id
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await give_up(payers[0].account_id)
    await asyncio.gather(*(issue(one.account_id) for one in payers), issue(None), issue(None))
    found = [await receipts(one) for one in payers]
    numbers = [one.number for each in found for one in each]
    assert len(numbers) == len(set(numbers)) == 12
    async with platform.connection() as connection:
        cursor = await connection.execute(
            "SELECT left(number, -7), array_agg(right(number, 6)::bigint ORDER BY number)"
            " FROM document GROUP BY 1"
        )
        for _, given in await cursor.fetchall():
            assert given == list(range(1, len(given) + 1))


async def test_each_year_and_kind_counts_for_itself() -> None:
    """A number's series is the kind and the year, in UTC, in which it was issued."""
    midnight = datetime(2027, 1, 1, tzinfo=UTC)
    assert series_of(DocumentKind.RECEIPT, midnight) == "R-2027"
    assert series_of(DocumentKind.RECEIPT, midnight - timedelta(seconds=1)) == "R-2026"


async def test_what_was_issued_stays(payer: Payer, connection: Connection) -> None:
    """Another seller, another buyer, another tax: the receipt is the same to the byte, and the
    next one is as they are now."""
    await pay(payer)
    [first] = await receipts(payer)
    await change_buyer(
        connection, payer.account_id, Party(name="Ada Ltd.", address=("A", "B"), tax_id="T1"),
        now=payer.platform.clock(),
    )  # fmt: skip
    await pay(payer)
    moved = Seller(party=Party(name="Moved Ltd."), note="New here.")
    second, again = await receipts(payer, moved)
    assert again == first
    assert receipt_pdf(again) == receipt_pdf(first)
    assert (first.seller.name, first.buyer.name) == ("Example Voice Ltd.", "Ada's Bots")
    assert (second.seller.name, second.tax, second.note) == ("Moved Ltd.", None, "New here.")
    assert (second.buyer.name, second.buyer.address) == ("Ada Ltd.", ("A", "B"))


async def test_a_refund_has_a_receipt_of_its_own(refunder: Refunder) -> None:
    """What went back has a document in a series of its own that names the receipt of the payment,
    with the tax of that; also where both are issued at once, or the seller's tax has changed."""
    payer = refunder.payer
    for at_once in (True, False):
        payment = await refunder.paid("20")
        if not at_once:
            await receipts(payer)
        refund = await refunder.approve(await refunder.ask("8"))
        await refunder.run()
        sent = list(refunder.stripe.back.refunds.values())[-1]
        await refunder.tell(said(refunder.stripe.back.end(sent["id"])))
        assert (await refunder.refund(refund)).status is RefundStatus.SUCCEEDED
        seller = SELLER if at_once else Seller()
        back, receipt = (await receipts(payer, seller))[:2]
        assert (back.kind, receipt.kind) == (DocumentKind.REFUND, DocumentKind.RECEIPT)
        assert re.fullmatch(r"RF-\d{4}-\d{6}", back.number)
        assert (back.refunds, back.reference) == (receipt.number, payment.payment_id)
        assert back.amount_nanos == 8 * NANOS_PER_USD
        assert (back.provider, back.provider_reference) == ("stripe", sent["id"])
        assert back.tax == receipt.tax == SELLER.tax
        said_ = words(receipt_pdf(back))
        for one in ("Refund", back.number, receipt.number, "Total refunded", "$8.00", "$1.50"):
            assert one in said_


async def test_the_database_refuses_to_change_a_receipt(connection: Connection) -> None:
    """The application may add receipts, but lacks the right to change or remove one."""
    for change in ("UPDATE document SET amount_nanos = 0", "DELETE FROM document"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(change)


async def test_a_receipt_is_its_accounts_own(
    payer: Payer, connection: Connection, make_account: AccountFactory, now: datetime
) -> None:
    """By its number or its entry, another account's receipt is unknown, like one that never was."""
    await pay(payer)
    [receipt] = await receipts(payer)
    found = await read_document(
        connection, payer.account_id, SELLER, now=now, number=receipt.number
    )
    assert found == receipt
    stranger = await make_account()
    asked: list[dict[str, Any]] = [
        {"number": receipt.number}, {"number": "R-1-\x00"}, {"number": "x" * 999},
        {"entry_seq": receipt.entry_seq}, {"entry_seq": 10**30},
    ]  # fmt: skip
    for one in asked:
        with pytest.raises(DocumentUnknown):
            await read_document(connection, stranger, SELLER, now=now, **one)


async def test_pages_of_receipts(payer: Payer, connection: Connection, now: datetime) -> None:
    """Pages, one below the other, hold every receipt once, the newest first."""
    for _ in range(5):
        await pay(payer)
    seen: list[int] = []
    below: int | None = None
    for _ in range(3):
        page, below = await list_documents(
            connection, payer.account_id, SELLER, before=below, limit=2, now=now
        )
        seen += [one.entry_seq for one in page]
    assert below is None
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5


async def test_the_buyer_is_the_account_until_it_says_otherwise(
    payer: Payer, connection: Connection, now: datetime
) -> None:
    """Who a receipt is made out to is the account's name, or what it says instead."""
    account = await read_account(connection, payer.account_id, now=now)
    assert (await read_buyer(connection, account)).name == "Ada's Bots"
    for name in ("Ada Ltd.", "Ada & Sons"):
        await change_buyer(connection, payer.account_id, Party(name=name), now=now)
        assert (await read_buyer(connection, account)).name == name
    with pytest.raises(InvalidInput) as refused:
        check_buyer(Party(name="x" * 121))
    assert refused.value.field == "name"
    with pytest.raises(InvalidInput):
        check_buyer(Party(name="x", address=("a\x00b",)))


def test_tax_is_within_what_was_paid() -> None:
    """Net and tax are whole cents and make up the amount, whatever the rate."""
    for cents, rate in itertools.product((500, 501, 999, 2500, 200_000), (0, 77_000, 230_000)):
        amount = cents * NANOS_PER_USD // 100
        tax = Tax(label="VAT", rate_ppm=rate)
        one = msgspec.structs.replace(RECEIPT, amount_nanos=amount, tax=tax)
        assert one.net_nanos + one.tax_nanos == amount
        assert one.tax_nanos % (NANOS_PER_USD // 100) == 0
        # Rounded to the nearest cent: off by at most half of one.
        exact = amount * rate
        assert abs(2 * (one.tax_nanos * (10**6 + rate) - exact)) <= 10**7 * (10**6 + rate)
    assert RECEIPT.tax_nanos == 467 * NANOS_PER_USD // 100


def test_a_receipt_says_everything_on_one_page() -> None:
    """Seller, buyer, number, dates of the account's zone, payment, net, tax and total: one page."""
    pdf = receipt_pdf(RECEIPT)
    said = words(pdf)
    paper = pypdfium2.PdfDocument(pdf)
    assert len(paper) == 1
    paper.close()
    for one in (
        "Receipt", "R-2026-000007", "Example Voice Ltd.", "1 Example Street", "IE1", "Ada's Bots",
        "ada@example.com", "23 November 2026", "card, by Stripe", "top_1", "pi_1", "$20.33",
        "$4.67", "$25.00", "Thank you.",
    ):  # fmt: skip
        assert one in said
    assert "Sandbox" not in said


def test_played_money_is_no_receipt() -> None:
    """A payment of the sandbox says on its receipt that nobody paid anything."""
    played = msgspec.structs.replace(RECEIPT, provider="sandbox")
    assert "No money was paid" in words(receipt_pdf(played))


@pytest.mark.parametrize(
    "name",
    [
        '#panic("x") #emph[a] $x$ *b* _c_ `d` \\ @ref // /* <label> "quoted" [x] {y}',
        '#read("/etc/passwd") #import "@preview/x:1.0.0": *',
        "株式会社エイダ・ロボット 有限公司 한국어",
        "شركة آدا للروبوتات",
        "עדה רובוטים בעמ",
        "x" * 120,
        "🎉 \U0001d49c \u202e\u200b",
    ],
)
def test_any_name_can_be_printed(name: str) -> None:
    """What a customer typed is text and nothing more, in any script and of any length."""
    buyer = Party(name=name, address=(name,) * 6, tax_id=name, email=name)
    pdf = receipt_pdf(msgspec.structs.replace(RECEIPT, buyer=buyer))
    assert pdf == receipt_pdf(msgspec.structs.replace(RECEIPT, buyer=buyer))
    if name.isascii() and len(name) < 100:
        said = "".join(words(pdf).split())
        assert "".join(name.split()).replace('"', "") in said.replace('"', "").replace(
            "\N{RIGHT DOUBLE QUOTATION MARK}", ""
        )


def test_the_seller_as_an_operator_writes_it() -> None:
    """A seller's file is taken as it is, and what does not fit is refused by its member."""
    assert (
        parse_seller(
            {
                "name": "Example Voice Ltd.",
                "address": ["1 Example Street", "Dublin 2"],
                "tax_id": "IE1",
                "tax": {"label": "VAT", "rate": "0.23"},
                "note": "Thank you.",
            }
        )
        == SELLER
    )
    wrong: list[tuple[object, str]] = [
        (None, "seller"), ({}, "seller.name"), ({"name": " "}, "seller.name"),
        ({"name": "A", "address": "x"}, "seller.address"),
        ({"name": "A", "adress": ["x"]}, "seller.adress"),
        ({"name": "A", "tax": {"label": "VAT", "rate": 0.19}}, "seller.tax.rate"),
        ({"name": "A", "tax": {"label": "VAT", "rate": "19"}}, "seller.tax.rate"),
        ({"name": "A", "tax": {"label": "VAT", "rate": "0.1234567"}}, "seller.tax.rate"),
        ({"name": "A", "tax": {"label": "VAT"}}, "seller.tax.rate"),
    ]  # fmt: skip
    for document, field in wrong:
        with pytest.raises(InvalidInput) as refused:
            parse_seller(document)
        assert refused.value.field == field
