"""The refund page as it goes over HTTP: what can go back, asking for it, and what became of it."""

import httpx
import pytest

from talktime.core.member import Role
from talktime.core.payment import NoticeKind
from talktime.core.refund import PartStatus, Refund, RefundNotice
from talktime.ops.platform import Platform
from talktime.ops.refund_runs import take_money_back
from talktime.ops.refunds import approve_refund, decline_refund, list_refunds
from tests.acting import Bots
from tests.payments.paying import Payer, notice
from tests.portal.conftest import new_link


async def topped_up(payer: Payer, amount: str) -> str:
    """Pay by card; the intent's id."""
    payment = await payer.begin(amount)
    assert payment.checkout_id is not None
    intent_id = payment.checkout_id.replace("cs_", "pi_")
    await payer.tell(notice(payment, NoticeKind.PAID, intent_id=intent_id))
    return intent_id


async def ask(buyer: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Send the form as the page has it, with some fields filled in."""
    page = (await buyer.get("/billing/refund")).text
    hidden = {
        name: page.split(f'name="{name}" value="')[1].split('"')[0]
        for name in ("form_token", "refund_id")
    }
    return await buyer.post("/billing/refund", data=hidden | fields)


async def the_refund(payer: Payer) -> Refund:
    async with payer.platform.connection() as connection:
        found, _ = await list_refunds(
            connection, account_id=payer.account_id, before=None, limit=10
        )
    return found[0]


async def test_all_of_it_by_choice(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """The form proposes nothing by itself; all of it, asked for, waits, and no second one can be
    asked for until it is over, as the page says."""
    assert "There is nothing to ask for now" in (await buyer.get("/billing/refund")).text
    await topped_up(payer, "12")
    page = (await buyer.get("/billing/refund")).text
    assert 'name="amount" inputmode="decimal" autocomplete="off" value=""' in page
    assert "At most $12.00" in page
    sent = await ask(buyer, everything="12", reason="Moving on.")
    assert sent.status_code == 303
    told = (await buyer.get(sent.headers["location"])).text
    assert "Your refund is asked for" in told
    assert "Waiting for an answer" in told
    assert 'name="refund_id"' not in told
    assert "A refund of $12.00, asked for" in told
    assert (await the_refund(payer)).amount_nanos == 12 * 10**9


async def test_a_double_click_is_one_refund(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """The same form sent twice asks once; a form from before says what is open."""
    await topped_up(payer, "12")
    page = (await buyer.get("/billing/refund")).text
    fields = {
        name: page.split(f'name="{name}" value="')[1].split('"')[0]
        for name in ("form_token", "refund_id")
    } | {"amount": "12"}
    first, second = [await buyer.post("/billing/refund", data=fields) for _ in range(2)]
    assert (first.status_code, second.status_code) == (303, 303)
    other = await buyer.post("/billing/refund", data=fields | {"refund_id": "ref_other"})
    assert other.status_code == 400
    assert "waits for a decision" in other.text


@pytest.mark.parametrize("amount", ["12.01", "0", "-1", "1.005", "lots", ""])
async def test_amounts_that_cannot_be(buyer: httpx.AsyncClient, payer: Payer, amount: str) -> None:
    """What cannot go back keeps the form as typed, and says why beside its field."""
    await topped_up(payer, "12")
    refused = await ask(buyer, amount=amount, reason="Because.")
    assert refused.status_code == 400
    assert 'aria-invalid="true"' in refused.text
    assert f'value="{amount}"' in refused.text
    assert "Because." in refused.text


async def test_what_became_of_it(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """Declined with the operator's words; approved, it is on its way, and then sent back, on this
    page and on Billing."""
    intent_id = await topped_up(payer, "12")
    await ask(buyer, amount="5")
    terms, now = payer.platform.terms, payer.platform.clock()
    refund = await the_refund(payer)
    async with payer.platform.connection() as connection:
        await decline_refund(
            connection,
            account_id=payer.account_id,
            refund_id=refund.refund_id,
            answer="Ask again on <Monday>.",
            now=now,
        )
    assert (
        "Ask again on &lt;Monday&gt;. Nothing was taken."
        in (await buyer.get("/billing/refund")).text
    )
    await ask(buyer, amount="5")
    refund = await the_refund(payer)
    async with payer.platform.connection() as connection:
        await approve_refund(
            connection,
            account_id=payer.account_id,
            refund_id=refund.refund_id,
            terms=terms,
            now=now,
        )
    assert "On its way" in (await buyer.get("/billing/refund")).text
    billing = (await buyer.get("/billing")).text
    assert "Refund on its way" in billing
    assert "\N{MINUS SIGN}$5.00" in billing
    [part] = (await the_refund(payer)).parts
    assert payer.platform.payments is not None
    await take_money_back(
        payer.platform.connection,
        payer.platform.payments.provider,
        RefundNotice(
            provider_refund_id="re_1",
            intent_id=intent_id,
            amount_cents=500,
            currency="usd",
            status=PartStatus.SUCCEEDED,
            account_id=payer.account_id,
            payment_id=part.payment_id,
            part_id=part.part_id,
        ),
        terms=terms,
        now=now,
    )
    assert "Sent back" in (await buyer.get("/billing/refund")).text
    billing = (await buyer.get("/billing")).text
    assert "Refund on its way" not in billing
    assert '<span class="name">Refund</span>' in billing


async def test_who_may_ask(till: Platform, buyer: httpx.AsyncClient, bots: Bots) -> None:
    """Who may not spend may not ask; without a provider there is nothing to go back to."""
    await buyer.get(await new_link(till, bots.account_id, role=Role.VIEWER))
    assert (await buyer.get("/billing/refund")).status_code == 403


async def test_without_a_provider(customer: httpx.AsyncClient) -> None:
    """Where no provider is set the page says so."""
    page = await customer.get("/billing/refund")
    assert "takes no payments" in page.text
