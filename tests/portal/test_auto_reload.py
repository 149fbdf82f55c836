"""Auto-reload as it goes over HTTP: save a card, choose, see what it did and why it did nothing."""

import secrets
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.core.auto_reload import COOL_DOWN_AFTER_FAILURE, FAILURES_MAX
from talktime.gateways.sandbox_payments import SandboxPayments
from talktime.ops.platform import Payments, Platform
from talktime.ops.reload_runs import Tills, reload_account
from talktime.portal.routes import portal_router
from tests.acting import Bots
from tests.in_process import in_process
from tests.portal.conftest import new_link

PAGE = "/billing/auto-reload"
CHOICE = {
    "is_on": "yes",
    "threshold": "10",
    "amount": "$25.00",
    "day_ceiling": "100",
    "month_ceiling": "500",
}


@pytest.fixture
async def till(platform: Platform) -> AsyncIterator[Platform]:
    """The platform taking payments by the sandbox, which sends its notices nowhere."""
    sandbox = SandboxPayments(
        platform.connection, public_url="http://127.0.0.1:9", clock=platform.clock
    )
    yield msgspec.structs.replace(
        platform, payments=Payments(provider=sandbox, notice_secret=sandbox.secret)
    )
    await sandbox.close()


@pytest.fixture
async def buyer(till: Platform, bots: Bots) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of a customer of it, with $5.50."""
    app = Litestar([portal_router(till)], openapi_config=None, logging_config=None)
    transport = in_process(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=till.public_url) as client:
        assert (await client.get(await new_link(till, bots.account_id))).status_code == 303
        yield client


async def send(buyer: httpx.AsyncClient, path: str = PAGE, **fields: str) -> httpx.Response:
    """Send a form of the page."""
    page = (await buyer.get(PAGE)).text
    hidden = {
        name: page.split(f'name="{name}" value="')[1].split('"')[0]
        for name in ("form_token", "setup_id")
    }
    return await buyer.post(path, data=hidden | fields)


async def save_card(buyer: httpx.AsyncClient, behaviour: str = "pays") -> str:
    """All the way over the provider's page and back; the page that is shown then."""
    sent = await send(buyer, f"{PAGE}/card")
    onward = (await buyer.get(sent.headers["location"])).text
    place = "/sandbox/setup/" + onward.split("/sandbox/setup/")[1].split('"')[0]
    assert "A card that pays" in (await buyer.get(place)).text
    back = await buyer.post(place, data={"choice": behaviour})
    assert back.status_code == 303
    return (await buyer.get(back.headers["location"].replace("https://talktime.test", ""))).text


async def look(till: Platform, account_id: str) -> None:
    assert till.payments is not None
    tills = Tills(
        connections=till.connection,
        provider=till.payments.provider,
        terms=till.terms,
        public_url=till.public_url,
    )
    await reload_account(
        tills, account_id, payment_id=f"reload_{secrets.token_hex(8)}", now=till.clock()
    )


async def test_at_first_it_is_off(buyer: httpx.AsyncClient) -> None:
    """Nothing is charged before the customer says so, and the page says what to do."""
    page = (await buyer.get(PAGE)).text
    assert "<strong>Off</strong>" in page
    assert "No card is saved" in page
    assert "None while it is off" in page
    assert "Your card was not charged by itself." in page
    assert f'href="{PAGE}"' in (await buyer.get("/billing")).text


async def test_card_choice_and_charge(buyer: httpx.AsyncClient, till: Platform, bots: Bots) -> None:
    """From no card to a payment: each step shows on the page."""
    sent = await send(buyer, **CHOICE)
    assert "On, but no card is saved" in (await buyer.get(sent.headers["location"])).text
    page = await save_card(buyer)
    assert "Your card is saved" in page
    assert "4242" in page
    assert "your card is about to be charged" in page
    await look(till, bots.account_id)
    page = (await buyer.get(PAGE)).text
    assert "Charged and credited" in page
    assert "It fired: a payment was begun" in page
    assert "Auto-reload" in (await buyer.get("/billing")).text
    assert "Now it is $30.50." in page


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("threshold", "0"), ("amount", "4"), ("day_ceiling", "20"), ("month_ceiling", "lots")],
)
async def test_what_cannot_be_is_said_at_its_field(
    buyer: httpx.AsyncClient, field: str, wrong: str
) -> None:
    """A figure nobody can mean keeps the form as entered and says why, at the field."""
    refused = await send(buyer, **(CHOICE | {field: wrong}))
    assert refused.status_code == 400
    assert f'id="{field}-error"' in refused.text
    assert (
        f'name="{field}" inputmode="decimal" autocomplete="off" maxlength="12" value="{wrong}"'
        in (refused.text)
    )


async def test_ceilings_that_leave_no_room(buyer: httpx.AsyncClient) -> None:
    """A threshold that the ceilings may never let it get back to is kept, and the page warns."""
    for threshold, warning in (("100", ""), ("100.01", "in one day"), ("500.01", "in one month")):
        sent = await send(buyer, **(CHOICE | {"threshold": threshold}))
        page = (await buyer.get(sent.headers["location"])).text
        assert ("Your threshold of" in page) == bool(warning)
        assert warning in page


async def test_what_a_refund_switched_off(
    buyer: httpx.AsyncClient, till: Platform, bots: Bots
) -> None:
    """The page says since when it is off, and that a refund was the reason."""
    await send(buyer, **CHOICE)
    async with till.connection() as connection:
        await connection.execute(
            "SELECT switch_off_reload('2026-11-05T12:00Z', %s, 'refund')", [bots.account_id]
        )
    page = (await buyer.get(PAGE)).text
    assert "<strong>Off</strong>" in page
    assert "A refund switched it off on 5 Nov 2026, 12:00" in page


async def test_a_card_that_is_declined(
    buyer: httpx.AsyncClient, till: Platform, bots: Bots
) -> None:
    """The page tells that the attempt failed, why, and when the next one is made; Billing leads
    there."""
    await save_card(buyer, "declines")
    await send(buyer, **CHOICE)
    await look(till, bots.account_id)
    page = (await buyer.get(PAGE)).text
    assert "Not charged</a>" in page
    assert "Your card was declined." in page
    assert "1 of 3, then it stops" in page
    assert "The last attempt failed. The next is made at" in page
    assert "Auto-reload could not charge $25.00" in (await buyer.get("/billing")).text


async def test_what_has_stopped_is_switched_on_again(
    buyer: httpx.AsyncClient, till: Platform, bots: Bots
) -> None:
    """Saving the same choice again does nothing about it; the button has the card tried once more,
    not before its pause is over."""
    await save_card(buyer, "declines")
    await send(buyer, **CHOICE)
    for nth in range(FAILURES_MAX):
        late = till.clock() + nth * COOL_DOWN_AFTER_FAILURE
        await look(msgspec.structs.replace(till, clock=lambda late=late: late), bots.account_id)
    await send(buyer, **CHOICE)
    page = (await buyer.get(PAGE)).text
    assert "<strong>Stopped</strong>" in page
    assert 'class="notice stop stopped"' in page
    assert "Switch on again" in page
    done = await send(buyer, f"{PAGE}/again")
    page = (await buyer.get(done.headers["location"])).text
    assert "Switched on again" in page
    assert "2 of 3, then it stops" in page
    assert "On: waiting" in page


async def test_a_bank_that_asks(buyer: httpx.AsyncClient, till: Platform, bots: Bots) -> None:
    """The payment's own page says that the bank wants to hear the customer, and where to pay."""
    await save_card(buyer, "asks")
    await send(buyer, **CHOICE)
    await look(till, bots.account_id)
    page = (await buyer.get(PAGE)).text
    assert "On: your bank wants to hear you" in page
    assert "Your bank wants you to confirm it" in page
    place = "/billing/top-up/reload_" + page.split("/billing/top-up/reload_")[1].split('"')[0]
    state = page.split('id="reload-state"')[1].split("</div>")[0]
    assert f'href="{place}"' in state
    shown = (await buyer.get(place)).text
    assert "Your bank wants you to confirm this payment" in shown
    assert "/sandbox/checkout/" in (await buyer.get(f"{place}/pay")).text


async def test_the_card_is_removed(buyer: httpx.AsyncClient) -> None:
    """A removed card is gone, and the page says so."""
    await save_card(buyer)
    sent = await send(buyer, f"{PAGE}/card/remove")
    page = (await buyer.get(sent.headers["location"])).text
    assert "The card is removed" in page
    assert "No card is saved" in page


async def test_coming_back_without_a_card(buyer: httpx.AsyncClient) -> None:
    """Who comes back saying that a card was saved is not believed."""
    await send(buyer, f"{PAGE}/card")
    page = (await buyer.get(f"{PAGE}?card=saved")).text
    assert "Waiting for the card" in page
    assert "No card is saved" in page


async def test_without_a_provider(customer: httpx.AsyncClient) -> None:
    """Where nobody takes payments there is no auto-reload, and its address says why."""
    assert "auto-reload" not in (await customer.get("/billing")).text
    assert "takes no payments" in (await customer.get(PAGE)).text
    assert (await customer.get("/sandbox/setup/a/b")).status_code == 404


async def test_a_card_that_has_expired(
    buyer: httpx.AsyncClient, till: Platform, bots: Bots
) -> None:
    """The page says until when the card is good, and once that is over, what to do."""
    page = await save_card(buyer)
    assert "12/2040" in page
    async with till.connection() as connection:
        await connection.execute(
            "UPDATE saved_card SET expires_on = '2026-01-31' WHERE account_id = %s",
            [bots.account_id],
        )
    assert "Expired 01/2026, as it was saved." in (await buyer.get(PAGE)).text
