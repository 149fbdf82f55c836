"""Redeem coupon as it goes over HTTP: enter, see, confirm."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.core.coupon import Coupon
from talktime.core.ledger import Entry, EntryKind
from talktime.core.member import Role
from talktime.ops.accounts import AccountChange, change_account, read_account
from talktime.ops.coupons import create_coupon, redeem_coupon
from talktime.ops.entries import list_entries
from talktime.ops.guesses import COUPON_CODES, take_attempt
from talktime.ops.platform import Platform
from talktime.portal.routes import portal_router
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.in_process import in_process
from tests.portal.conftest import new_link
from tests.portal.settings_desk import add_person, browser_of
from tests.portal.settings_desk import send as send_form

BONUS = 2_500_000_000


async def issue(platform: Platform, **facts: Any) -> str:
    """A fresh coupon of $2.50; its code."""
    code = f"Spring-{secrets.token_hex(4)}"
    async with platform.connection() as connection:
        coupon = Coupon(code=code, amount_nanos=BONUS, created_at=platform.clock(), **facts)
        await create_coupon(connection, coupon)
    return code


async def form_token(customer: httpx.AsyncClient) -> str:
    page = (await customer.get("/billing/redeem")).text
    return page.split('name="form_token" value="')[1].split('"')[0]


async def send(customer: httpx.AsyncClient, code: str, *, confirm: bool = False) -> httpx.Response:
    path = "/billing/redeem/confirm" if confirm else "/billing/redeem"
    return await customer.post(path, data={"form_token": await form_token(customer), "code": code})


async def coupon_entries(platform: Platform, account_id: str) -> list[Entry]:
    async with platform.connection() as connection:
        entries, _ = await list_entries(
            connection, account_id, before=None, kind=EntryKind.COUPON, limit=200
        )
    return entries


async def credited(platform: Platform, account_id: str) -> list[int]:
    """The amounts that coupons brought an account."""
    return [entry.amount_nanos for entry in await coupon_entries(platform, account_id)]


async def test_from_billing_and_back(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Billing leads to the form; the code shows its bonus, and confirming credits it to promo."""
    code = await issue(bots.platform)
    assert 'href="/billing/redeem" data-dialog=' in (await customer.get("/billing")).text

    offer = await send(customer, f" {code}\n")
    assert offer.status_code == 200
    for text in (code, "$2.50", "$5.50", "$8.00", "Confirm"):
        assert text in offer.text
    assert await credited(bots.platform, bots.account_id) == []

    answer = await send(customer, code, confirm=True)
    assert answer.status_code == 303
    billing = (await customer.get(answer.headers["location"])).text
    assert f"Coupon {code} is credited" in billing
    assert "+$2.50" in billing
    async with bots.platform.connection() as connection:
        account = await read_account(connection, bots.account_id, now=bots.platform.clock())
    assert (account.promo_nanos, account.paid_nanos) == (BONUS + 500_000_000, 5_000_000_000)


async def test_the_dialog_gets_the_parts_alone(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Asked for by its header, each step is the section within the page, refusals too."""
    part = {"Talktime-Part": "1"}
    code = await issue(bots.platform)
    form = {"form_token": await form_token(customer), "code": code}
    steps = [
        (await customer.get("/billing/redeem", headers=part), "See the bonus"),
        (
            await customer.post("/billing/redeem", data=form | {"code": "no-such"}, headers=part),
            "There is no such coupon",
        ),
        (await customer.post("/billing/redeem", data=form, headers=part), "$8.00"),
        (
            await customer.post("/billing/redeem/confirm", data=form, headers=part),
            f"Coupon {code} is credited",
        ),
    ]
    for answer, words in steps:
        assert (answer.status_code, answer.headers["talktime-part"]) == (200, "1")
        assert answer.text.startswith("<section")
        assert words in answer.text
    assert await credited(bots.platform, bots.account_id) == [BONUS]
    customer.cookies.clear()
    answer = await customer.get("/billing/redeem", headers=part)
    assert (answer.status_code, "talktime-part" in answer.headers) == (401, False)


async def test_a_double_click_credits_once(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Both of two submits at once lead to the same credited coupon."""
    code = await issue(bots.platform)
    form = {"form_token": await form_token(customer), "code": code}
    answers = await asyncio.gather(
        *(customer.post("/billing/redeem/confirm", data=form) for _ in range(2))
    )
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await credited(bots.platform, bots.account_id) == [BONUS]


async def test_a_coupon_of_ones_own_is_no_fault(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A code entered again says that it is theirs already, and when it brought what."""
    code = await issue(bots.platform)
    await send(customer, code, confirm=True)
    answer = await send(customer, code)
    assert answer.status_code == 409
    assert "You have this coupon already" in answer.text
    assert "It brought you $2.50 on " in answer.text
    assert 'value=""' in answer.text
    [entry] = await coupon_entries(bots.platform, bots.account_id)
    href = f"/billing?before={entry.seq + 1}#entry-{entry.seq}"
    assert href in answer.text
    billing = (await customer.get(href)).text
    assert f'id="entry-{entry.seq}"' in billing
    assert code in billing


async def test_an_unknown_code_is_kept(customer: httpx.AsyncClient) -> None:
    """A code that there is not can be corrected, and the page says that case counts."""
    for confirm in (False, True):
        answer = await send(customer, "no-such-code", confirm=confirm)
        assert answer.status_code == 404
        assert "There is no such coupon" in answer.text
        assert "Codes are case-sensitive" in answer.text
        assert 'value="no-such-code"' in answer.text


async def test_the_wrong_letter_case_is_named(customer: httpx.AsyncClient, bots: Bots) -> None:
    """Where nothing but the letter case is wrong the page says so, and not which it should be."""
    right = await issue(bots.platform)
    code = right.upper()
    for confirm in (False, True):
        answer = await send(customer, code, confirm=confirm)
        assert answer.status_code == 404
        assert "Only the letter case is wrong" in answer.text
        assert f'value="{code}"' in answer.text
        assert right not in answer.text


async def test_not_yet_valid(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A coupon for later says from when on, in the account's time zone."""
    starts_at = datetime(2100, 1, 31, 23, 30, tzinfo=UTC)
    async with bots.platform.connection() as connection:
        change = AccountChange(time_zone="Asia/Tokyo")
        await change_account(connection, bots.account_id, change, now=bots.platform.clock())
    code = await issue(bots.platform, starts_at=starts_at)
    for confirm in (False, True):
        answer = await send(customer, code, confirm=confirm)
        assert answer.status_code == 409
        assert "It counts from 1 Feb 2100, 08:30 (Asia/Tokyo) on." in answer.text


async def test_for_others(
    customer: httpx.AsyncClient, bots: Bots, make_account: AccountFactory
) -> None:
    """Another account's coupon is unknown; one for new accounts says so to an old one."""
    code = await issue(bots.platform, only_account_id=await make_account())
    for entered in (code, code.upper()):
        assert "There is no such coupon" in (await send(customer, entered)).text
    code = await issue(bots.platform, new_account_days=1)
    later = bots.platform.clock() + timedelta(days=2)
    platform = msgspec.structs.replace(bots.platform, clock=lambda: later)
    app = Litestar([portal_router(platform)], openapi_config=None, logging_config=None)
    transport = in_process(app)
    async with httpx.AsyncClient(transport=transport, base_url=platform.public_url) as client:
        await client.get(await new_link(platform, bots.account_id))
        for confirm in (False, True):
            answer = await send(client, code, confirm=confirm)
            assert answer.status_code == 409
            assert "This coupon is for new accounts" in answer.text


async def test_expired(customer: httpx.AsyncClient, bots: Bots) -> None:
    """An expired coupon says so, and whom to ask."""
    code = await issue(bots.platform, ends_at=bots.platform.clock() - timedelta(days=1))
    for confirm in (False, True):
        answer = await send(customer, code, confirm=confirm)
        assert (answer.status_code, "has expired" in answer.text) == (410, True)


async def test_used_up(
    customer: httpx.AsyncClient, bots: Bots, make_account: AccountFactory
) -> None:
    """A coupon redeemed by others as often as it may be says so."""
    platform = bots.platform
    code = await issue(platform, max_redemptions=1)
    async with platform.connection() as connection:
        await redeem_coupon(
            connection,
            account_id=await make_account(),
            code=code,
            terms=platform.terms,
            now=platform.clock(),
        )
    for confirm in (False, True):
        answer = await send(customer, code, confirm=confirm)
        assert (answer.status_code, "This coupon is used up" in answer.text) == (409, True)


async def test_guessing_is_slowed_down(customer: httpx.AsyncClient, bots: Bots) -> None:
    """After too many wrong codes even a right one must wait, and the page says how long."""
    code = await issue(bots.platform)
    for number in range(COUPON_CODES.most):
        assert (await send(customer, f"guess-{number}")).status_code == 404
    for confirm in (False, True):
        answer = await send(customer, code, confirm=confirm)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 600
        assert "Wait 10 minutes" in answer.text
    assert await credited(bots.platform, bots.account_id) == []


@pytest.mark.parametrize("code", ["", "   "])
async def test_no_code(customer: httpx.AsyncClient, bots: Bots, code: str) -> None:
    """An empty form is asked again, and is no guess."""
    answer = await send(customer, code)
    assert (answer.status_code, "No code was entered" in answer.text) == (400, True)
    async with bots.platform.connection() as connection:
        for _ in range(COUPON_CODES.most):
            await take_attempt(connection, COUPON_CODES, bots.account_id, now=bots.platform.clock())


@pytest.mark.parametrize("code", ["<b>x</b>", "a" * 5_000, 'é"\t', "'; --"])
async def test_what_is_no_code(customer: httpx.AsyncClient, code: str) -> None:
    """Whatever can be no code is unknown, and never markup."""
    answer = await send(customer, code)
    assert answer.status_code == 404
    assert "<b>x" not in answer.text
    assert len(answer.text) < 10_000


@pytest.mark.parametrize("path", ["/billing/redeem", "/billing/redeem/confirm"])
async def test_only_our_own_form_redeems(
    customer: httpx.AsyncClient, bots: Bots, path: str
) -> None:
    """A form of another site, or of nobody signed in, credits nothing."""
    code = await issue(bots.platform)
    token = await form_token(customer)
    assert (await customer.post(path, data={"code": code})).status_code == 403
    customer.cookies.clear()
    answer = await customer.post(path, data={"code": code, "form_token": token})
    assert answer.status_code == 401
    assert await credited(bots.platform, bots.account_id) == []


async def test_a_viewer_redeems_nothing(app: Litestar, platform: Platform, bots: Bots) -> None:
    """Who may only look is told who redeems instead, and no form of theirs credits anything."""
    address = await add_person(platform, bots.account_id, "vi", Role.VIEWER)
    code = await issue(platform)
    async with browser_of(app, platform, bots.account_id, address) as client:
        page = (await client.get("/billing/redeem")).text
        assert "Give the code to an owner or a billing member" in page
        assert 'name="code"' not in page
        for path in ("/billing/redeem", "/billing/redeem/confirm"):
            answer = await send_form(client, path, "/billing", code=code)
            assert answer.status_code == 403
    assert await credited(platform, bots.account_id) == []


async def test_the_last_step_reloaded_begins_again(customer: httpx.AsyncClient) -> None:
    """The address of the confirmation, opened by itself, leads to the form."""
    answer = await customer.get("/billing/redeem/confirm")
    assert (answer.status_code, answer.headers["location"]) == (303, "/billing/redeem")


async def test_confirmations_are_ones_own(
    customer: httpx.AsyncClient, bots: Bots, make_account: AccountFactory
) -> None:
    """An address that claims another number, or another's, confirms nothing."""
    for number in ("1", "999"):
        page = await customer.get("/billing", params={"redeemed": number})
        assert (page.status_code, "is credited" in page.text) == (200, False)
    assert (await customer.get("/billing", params={"redeemed": "x"})).status_code == 400


async def test_a_debt_is_not_hidden(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Below zero the offer starts from the debt, and promo leaves the paid debt as it is."""
    account_id = await make_account(paid="-0.5")
    await visitor.get(await new_link(platform, account_id))
    code = await issue(platform)
    page = (await send(visitor, code)).text
    for text in ("\N{MINUS SIGN}$0.50", "$2.50", "$2.00"):
        assert text in page
    await send(visitor, code, confirm=True)
    async with platform.connection() as connection:
        account = await read_account(connection, account_id, now=platform.clock())
    assert (account.promo_nanos, account.paid_nanos) == (BONUS, -500_000_000)
