"""Payments, receipts, statements and billing details as a customer meets them over HTTP."""

import re
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import msgspec
import pypdfium2
import pytest
from litestar import Litestar

from talktime.core.member import Role
from talktime.core.payment import NoticeKind
from talktime.core.usage import LineReport
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.platform import Payments, Platform
from talktime.ops.portal_access import create_portal_link
from talktime.ops.top_ups import CHECKOUT_LIFE
from talktime.portal.routes import portal_router
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.payments.paying import Payer, notice
from tests.portal.conftest import browser_of, new_link


@pytest.fixture
async def till(platform: Platform) -> AsyncIterator[Platform]:
    """The platform taking payments by the sandbox, which sends its notices nowhere."""
    sandbox = SandboxPayments(
        platform.connection, public_url="http://127.0.0.1:9", clock=platform.clock
    )
    payments = Payments(provider=sandbox, notice_secret=sandbox.secret)
    yield msgspec.structs.replace(platform, payments=payments)
    await sandbox.close()


@pytest.fixture
async def buyer(till: Platform, bots: Bots) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of a customer of it."""
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    async with browser_of(app, till) as client:
        assert (await client.get(await new_link(till, bots.account_id))).status_code == 303
        yield client


@pytest.fixture
def payer(till: Platform, bots: Bots) -> Payer:
    assert till.payments is not None
    return Payer(till, till.payments.provider, bots.account_id)


def words(pdf: bytes) -> str:
    paper = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in paper)
    finally:
        paper.close()


async def save(buyer: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Send the form of the billing details."""
    page = (await buyer.get("/billing/details")).text
    token = page.split('name="form_token" value="')[1].split('"')[0]
    return await buyer.post("/billing/details", data={"form_token": token, **fields})


async def test_before_the_first_payment(buyer: httpx.AsyncClient) -> None:
    """Billing leads to Payments, which says what will stand there and how to begin."""
    assert 'href="/billing/payments"' in (await buyer.get("/billing")).text
    page = (await buyer.get("/billing/payments")).text
    assert "No payments yet." in page
    assert 'href="/billing/top-up"' in page


async def test_every_state_is_told_in_words(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """Waiting, declined, credited, failed and expired each say so, why, and what comes next; only
    what was paid has a receipt."""
    await payer.begin("11")
    for kind, amount in (
        (NoticeKind.ATTEMPT_FAILED, "12"), (NoticeKind.PAID, "13"),
        (NoticeKind.FAILED, "14"), (NoticeKind.EXPIRED, "15"),
    ):  # fmt: skip
        reason = "Your card was declined." if kind is not NoticeKind.PAID else None
        await payer.tell(notice(await payer.begin(amount), kind, reason=reason))
    page = (await buyer.get("/billing/payments")).text
    for told in ("Not confirmed yet", "Declined", "Credited", "Failed", "Expired"):
        assert page.count(f"</span>{told}</span>") == 1
    assert "Your card was declined. It can be tried again until" in page
    assert "no money was paid" in page
    assert page.count("Receipt (PDF)") == 1
    for dollars in range(11, 16):
        assert f"${dollars}.00" in page


async def test_nothing_waits_for_ever(till: Platform, payer: Payer, bots: Bots) -> None:
    """When the time to pay is over and nothing was heard, the page says that we ask, and until
    when there is an answer."""
    await payer.begin("20")
    later = msgspec.structs.replace(
        till, clock=lambda: payer.platform.clock() + CHECKOUT_LIFE + timedelta(seconds=1)
    )
    app = Litestar([portal_router(later)], openapi_config=None, logging_config=None)
    async with browser_of(app, later) as client:
        await client.get(await new_link(later, bots.account_id))
        page = (await client.get("/billing/payments")).text
    assert "Being asked about" in page
    assert "within three days at the latest" in page


async def test_pages_of_payments(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """Older top-ups are on the next page, each once; a page that was made up is refused."""
    for _ in range(27):
        await payer.tell(notice(await payer.begin("5"), NoticeKind.EXPIRED))
    page = (await buyer.get("/billing/payments")).text
    assert page.count("</span>Expired</span>") == 25
    older = page.split('aria-label="More payments">')[1].split('href="')[1].split('"')[0]
    assert (await buyer.get(older)).text.count("</span>Expired</span>") == 2
    for made_up in ("x", "2026-11-23T00:00:00_x", "2026-99-99T00:00:00+00:00_x"):
        answer = await buyer.get("/billing/payments", params={"before": made_up})
        assert answer.status_code == 400


async def test_from_the_history_to_the_receipt(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """A top-up's row in the history links its receipt: a PDF of one page with amount and number,
    the same each time."""
    await payer.tell(notice(await payer.begin("25")))
    [entry] = await payer.top_ups()
    state = (await buyer.get(f"/billing/top-up/{entry.ref}")).text
    assert f'href="/billing/receipts/{entry.seq}"' in state
    page = (await buyer.get("/billing")).text
    href = "/billing/receipts/" + page.split('href="/billing/receipts/')[1].split('"')[0]
    first, second = [await buyer.get(href) for _ in "ab"]
    assert first.headers["content-type"] == "application/pdf"
    assert first.headers["content-disposition"].startswith('inline; filename="R-')
    assert first.headers["cache-control"] == "no-store"
    assert first.content == second.content
    said = words(first.content)
    assert "$25.00" in said
    assert "No money was paid" in said


async def test_a_receipt_is_for_its_own_account(
    buyer: httpx.AsyncClient, payer: Payer, till: Platform, make_account: AccountFactory
) -> None:
    """A stranger, and whoever is not signed in, gets no receipt and no statement; entries without
    one have none either."""
    await payer.tell(notice(await payer.begin("25")))
    [entry] = await payer.top_ups()
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    async with browser_of(app, till) as other:
        answer = await other.get(f"/billing/receipts/{entry.seq}")
        assert answer.headers["content-type"] != "application/pdf"
        await other.get(await new_link(till, await make_account()))
        assert (await other.get(f"/billing/receipts/{entry.seq}")).status_code == 404
    for seq in ("1", "999999", "999999999999999999"):
        assert (await buyer.get(f"/billing/receipts/{seq}")).status_code == 404
    for seq in ("x", "-1", "9" * 40):
        assert (await buyer.get(f"/billing/receipts/{seq}")).status_code == 400


async def test_a_statement_as_page_and_paper(
    buyer: httpx.AsyncClient, payer: Payer, bots: Bots
) -> None:
    """This month so far: top-up, correction and calls lead to the balance, on the page and on
    paper, with the receipt's number."""
    await payer.tell(notice(await payer.begin("25")))
    await bots.call("one", *MINUTE_BY_PHONE)
    listed = (await buyer.get("/billing/payments")).text
    href = listed.split('href="/billing/statements/')[1].split('"')[0]
    page = (await buyer.get(f"/billing/statements/{href}")).text
    pdf = await buyer.get(f"/billing/statements/{href}/pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    for said in (page, words(pdf.content)):
        for told in ("So far", "Opening balance", "Top-ups", "Calls", "Language model", "Margin"):
            assert told in said
        # $0.50 promo, $5 paid and $25 top-up less a call of $0.052.
        for sum_ in ("$30.448", "$0.448", "$30.00", "+$25.00"):
            assert sum_ in said
    number = re.search(r"R-\d{4}-\d{6}", page)
    assert number is not None
    assert number[0] in words(pdf.content)
    for month in ("2019-01", "2099-01"):
        assert (await buyer.get(f"/billing/statements/{month}")).status_code == 404
    assert (await buyer.get("/billing/statements/yesterday")).status_code == 400


async def test_billing_details(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """What is saved stands on the next receipt; what does not fit is said at its field, and
    nothing is saved then."""
    saved = await save(buyer, name="Ada <b>Ltd.</b>", address="1 Road\r\n\r\n Town ", tax_id="T1")
    assert saved.status_code == 303
    page = (await buyer.get("/billing/payments?saved=1")).text
    assert "Ada &lt;b&gt;Ltd.&lt;/b&gt;</strong><br>1 Road<br>Town<br>Tax id T1" in page
    for fields in (
        {"name": " "}, {"name": "x" * 121}, {"name": "a", "address": "\n".join("abcdefg")},
        {"name": "a", "tax_id": "x" * 200},
    ):  # fmt: skip
        refused = await save(buyer, **fields)
        assert refused.status_code == 400
        assert refused.text.count('role="alert"') == 1
    await payer.tell(notice(await payer.begin("25")))
    [entry] = await payer.top_ups()
    said = words((await buyer.get(f"/billing/receipts/{entry.seq}")).content)
    assert "Ada <b>Ltd.</b>" in said
    assert "1 Road" in said


async def test_who_may_change_the_details(till: Platform, bots: Bots) -> None:
    """A viewer sees payments and statements, and may not change whom receipts are for."""
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    async with browser_of(app, till) as client:
        async with till.connection() as connection:
            token, _ = await create_portal_link(
                connection,
                account_id=bots.account_id,
                secret=secrets.token_urlsafe(32),
                role=Role.VIEWER,
                now=till.clock(),
            )
        await client.get(f"/enter?token={token}")
        page = (await client.get("/billing/payments")).text
        assert "Change details" not in page
        assert (await client.get("/billing/details")).status_code == 403
        assert (await client.post("/billing/details", data={})).status_code == 403


async def test_exact_balances_are_written_as_amounts(
    buyer: httpx.AsyncClient, till: Platform, bots: Bots
) -> None:
    """Where a statement tells a balance to its last digit, thousands stand apart and what is below
    zero has a real minus sign."""
    line = LineReport(service="llm", provider="acme", provider_cost="1000.000000001")
    await bots.call("one", line)
    page = (await buyer.get(f"/billing/statements/{till.clock():%Y-%m}")).text
    assert "from $0.00 to \N{MINUS SIGN}$1,294.500000001." in page
