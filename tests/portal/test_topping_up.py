"""Top up as it goes over HTTP: amount, payment page, the truth on the way back."""

import secrets
from datetime import timedelta
from urllib.parse import quote

import httpx
import msgspec
from litestar import Litestar

from talktime.core.payment import NoticeKind
from talktime.core.return_address import payer_page
from talktime.ops.platform import Platform
from talktime.ops.portal_access import create_portal_link
from talktime.ops.top_ups import CHECKOUT_LIFE
from talktime.portal.routes import portal_router
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.payments.paying import Payer, notice
from tests.portal.conftest import browser_of, new_link


async def order(buyer: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Send the form as the page has it, with some fields filled in."""
    page = (await buyer.get("/billing/top-up")).text
    hidden = {
        name: page.split(f'name="{name}" value="')[1].split('"')[0]
        for name in ("form_token", "top_up_id")
    }
    return await buyer.post("/billing/top-up", data=hidden | fields)


async def test_from_amount_to_payment_page(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """The form leads, by a page of ours, to the provider's page for that amount."""
    sent = await order(buyer, amount="25", other="")
    assert sent.status_code == 303
    onward = (await buyer.get(sent.headers["location"])).text
    [payment_id] = [part for part in sent.headers["location"].split("/") if "top_" in part]
    payment = await payer.payment(payment_id)
    assert payment.amount_nanos == 25 * 10**9
    assert f'content="0;url={payment.checkout_url}"' in onward
    assert f'href="{payment.checkout_url}"' in onward


async def test_an_amount_of_ones_own(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """What is typed outweighs the preset; what no top-up can be keeps the form and says why."""
    sent = await order(buyer, amount="25", other="$12.34")
    payment = await payer.payment(sent.headers["location"].split("/")[3])
    assert payment.amount_nanos == 12_340_000_000
    sent = await order(buyer, amount="25", other="$1,250.50")
    payment = await payer.payment(sent.headers["location"].split("/")[3])
    assert payment.amount_nanos == 1_250_500_000_000
    for wrong in ("4", "2001", "5.005", "lots", "1,00", "12,34", "1.000,00", "2,001.00", "-25"):
        refused = await order(buyer, amount="25", other=wrong)
        assert refused.status_code == 400
        said = "Enter an amount from $5.00 to $2,000.00, in whole cents, such as 25.00."
        assert said in refused.text
        assert 'aria-invalid="true"' in refused.text
        assert f'value="{wrong}"' in refused.text


async def test_a_double_click_is_one_top_up(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """The same form sent twice leads to the same payment."""
    page = (await buyer.get("/billing/top-up")).text
    fields = {
        name: page.split(f'name="{name}" value="')[1].split('"')[0]
        for name in ("form_token", "top_up_id")
    } | {"amount": "10"}
    first, second = [await buyer.post("/billing/top-up", data=fields) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]


async def test_the_page_tells_the_truth(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """Coming back says nothing about the money: the page tells what is known of the payment."""
    payment = await payer.begin("10")
    path = f"/billing/top-up/{payment.payment_id}"
    assert "Waiting for the confirmation" in (await buyer.get(f"{path}?back=paid")).text
    assert (
        "Nothing was charged. You can still pay, or leave it"
        in (await buyer.get(f"{path}?back=canceled")).text
    )
    for unknown in (path, "/billing/payments"):
        said = (await buyer.get(unknown)).text
        assert "If you have paid, do not pay again" in said
        assert "Nothing was charged" not in said
    await payer.tell(notice(payment, NoticeKind.ATTEMPT_FAILED, reason="Your card was declined."))
    declined = (await buyer.get(path)).text
    assert "Your card was declined. Nothing was charged." in declined
    assert f"{path}/pay" in declined
    await payer.tell(notice(payment))
    arrived = (await buyer.get(f"{path}?back=canceled")).text
    assert "$10.00 has arrived" in arrived
    assert "Available now: $15.50" in arrived
    assert "Top-up" in (await buyer.get("/billing")).text


async def test_an_expired_top_up_leads_to_a_new_one(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """What was not paid in time says so, and how to start over."""
    payment = await payer.begin("10")
    await payer.tell(notice(payment, NoticeKind.EXPIRED))
    page = (await buyer.get(f"/billing/top-up/{payment.payment_id}?back=paid")).text
    assert "This top-up has expired" in page
    assert 'href="/billing/top-up"' in page


async def test_nobody_elses_top_up(
    buyer: httpx.AsyncClient, payer: Payer, make_account: AccountFactory
) -> None:
    """Another account's top-up is not there, on its page or on the way to pay it."""
    other = await Payer(payer.platform, payer.provider, await make_account()).begin("10")
    for path in ("", "/pay"):
        page = await buyer.get(f"/billing/top-up/{other.payment_id}{path}")
        assert page.status_code == 404


async def test_without_a_provider_there_is_no_button(customer: httpx.AsyncClient) -> None:
    """Where no provider is set, Billing offers no top-up and its address says why."""
    assert "/billing/top-up" not in (await customer.get("/billing")).text
    page = await customer.get("/billing/top-up")
    assert "takes no payments" in page.text
    assert (await customer.get("/sandbox/checkout/a/b")).status_code == 404


async def test_late_on_the_way_back(till: Platform, payer: Payer, bots: Bots) -> None:
    """When the time to pay is over and nothing was heard, the page says that the provider is
    asked, offers no paying, and warns of paying twice."""
    payment = await payer.begin("10")
    later = msgspec.structs.replace(
        till, clock=lambda: payer.platform.clock() + CHECKOUT_LIFE + timedelta(seconds=1)
    )
    app = Litestar([portal_router(later)], openapi_config=None, logging_config=None)
    async with browser_of(app, later) as client:
        await client.get(await new_link(later, bots.account_id))
        path = f"/billing/top-up/{payment.payment_id}"
        for back, title in (
            ("paid", "Waiting for the confirmation"),
            ("canceled", "The time to pay is over"),
        ):
            page = (await client.get(f"{path}?back={back}")).text
            assert title in page
            assert "within three days at the latest" in page
            assert f"{path}/pay" not in page


async def test_failed_while_it_was_waited_for(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """A payment that the bank refuses after the way back says so, and how to start over."""
    payment = await payer.begin("10")
    await payer.tell(notice(payment, NoticeKind.FAILED, reason="The bank said no."))
    page = (await buyer.get(f"/billing/top-up/{payment.payment_id}?back=paid")).text
    assert "The payment failed" in page
    assert "The bank said no. Nothing was credited." in page


async def test_back_on_another_device(till: Platform, payer: Payer) -> None:
    """Who comes back signed out is led over signing in to the same page, what the provider's page
    said included."""
    payment = await payer.begin("10")
    place = f"/billing/top-up/{payment.payment_id}?back=paid"
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    async with browser_of(app, till) as stranger:
        answer = await stranger.get(place)
        told = answer.headers.get("location", "") + answer.text
    assert quote(place, safe="/") in told
    assert "has arrived" not in told


async def test_within_another_site(buyer: httpx.AsyncClient, payer: Payer) -> None:
    """Providers let nobody frame their page: from within a frame it opens in a tab of its own, and
    the page that stays says where the payment stands."""
    payment = await payer.begin()
    assert payment.checkout_url is not None
    path = f"/billing/top-up/{payment.payment_id}"
    by_itself = (await buyer.get(f"{path}/pay")).text
    assert 'http-equiv="refresh"' in by_itself
    buyer.cookies.clear()
    async with payer.platform.connection() as connection:
        token, _ = await create_portal_link(
            connection,
            account_id=payer.account_id,
            secret=secrets.token_urlsafe(32),
            frame_origin="https://app.example.com",
            now=payer.platform.clock(),
        )
    await buyer.get("/enter", params={"token": token})
    within = (await buyer.get(f"{path}/pay", headers={"sec-fetch-dest": "iframe"})).text
    assert 'http-equiv="refresh"' not in within
    assert f'href="{payment.checkout_url}" target="_blank" rel="noopener"' in within
    assert f'href="{path}"' in within


async def test_who_paid_by_a_link_alone(till: Platform, payer: Payer) -> None:
    """Without an account, the page that a payer comes back to tells how the payment stands, and
    nothing of the account that it is for; to whoever does not have its whole address, nothing."""
    place = payer_page("", payer.account_id, "top_by_link", "s3cret")
    payment = await payer.begin(
        payment_id="top_by_link", return_url=f"{payer.platform.public_url}{place}"
    )
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    async with browser_of(app, till) as stranger:

        async def shown(back: str = "") -> str:
            page = (await stranger.get(place, params={"back": back} if back else {})).text
            assert payer.account_id not in page.replace(payment.checkout_url or "", "")
            return page

        waiting = await shown("paid")
        assert "Not yet confirmed" in waiting
        assert 'http-equiv="refresh"' in waiting
        assert "Canceled" in await shown("canceled")
        assert f'href="{payment.checkout_url}"' in await shown()
        await payer.tell(notice(payment, NoticeKind.ATTEMPT_FAILED, reason="No."))
        assert "Declined" in await shown("canceled")
        await payer.tell(notice(payment, NoticeKind.EXPIRED))
        assert "The time to pay is over" in await shown("paid")
        await payer.tell(notice(payment))
        paid = await shown("canceled")
        assert "$10.00 has arrived" in paid
        assert 'http-equiv="refresh"' not in paid
        others = [place.replace("top_", other) for other in ("tap_", "%00")]
        for wrong in (place[:-1], f"{place}.x", *others, "/payment/x"):
            assert (await stranger.get(wrong)).status_code == 404


async def test_only_our_own_link_opens_a_payment(till: Platform, payer: Payer) -> None:
    """A page of another site that a payer goes back to opens none of ours, however it ends, and
    is answered as a payment that does not exist."""
    place = payer_page("", payer.account_id, "top_elsewhere", "s3cret")
    await payer.begin(payment_id="top_elsewhere", return_url=f"https://app.example.com{place}")
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    async with browser_of(app, till) as stranger:
        for wrong in (place, f"{place}x", place.replace("top_", "tap_")):
            answer = await stranger.get(wrong)
            assert answer.status_code == 404
            assert "There is no such payment." in answer.text


async def test_back_to_another_site_from_the_sandbox(till: Platform, payer: Payer) -> None:
    """A form's answer may not lead to another site: a link of the page that answers it does."""
    payment = await payer.begin(return_url="https://app.example.com/billing")
    assert payment.checkout_url is not None
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    async with browser_of(app, till) as stranger:
        place = payment.checkout_url.partition("/sandbox/")[2]
        in_parts = await stranger.post(f"/sandbox/{place}", files={"choice": (None, "pay")})
        answer = await stranger.post(f"/sandbox/{place}", data={"choice": "pay"})
    assert in_parts.status_code == 400
    assert answer.status_code == 200
    assert 'href="https://app.example.com/billing?back=paid"' in answer.text
