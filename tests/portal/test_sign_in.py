"""Signing in and up over HTTP."""

import re
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.core.member import Role
from talktime.ops.members import add_member
from talktime.ops.platform import Platform
from talktime.ops.sign_in import LINKS_TO_ADDRESS
from talktime.portal.routes import portal_router
from talktime.portal.visiting import COOKIE
from tests.conftest import AccountFactory
from tests.portal.conftest import browser_of

HERE = "https://talktime.test"


def fresh() -> str:
    """An address at a domain of its own, since bonuses are counted by domain."""
    return f"ada@{uuid.uuid4().hex}.example"


async def ask(visitor: httpx.AsyncClient, address: str, **fields: str) -> httpx.Response:
    return await visitor.post("/sign-in", data={"address": address, **fields})


async def mailed(platform: Platform, address: str) -> str:
    """The path of the link in the last mail to an address."""
    async with platform.connection() as connection:
        cursor = await connection.execute(
            b"SELECT facts ->> 'link' FROM message WHERE recipient = %s"
            b" ORDER BY created_at DESC LIMIT 1",
            [address],
        )
        row = await cursor.fetchone()
    assert row is not None
    parts = urlsplit(row[0])
    return f"{parts.path}?{parts.query}"


def token_in(path: str) -> str:
    return path.partition("token=")[2]


async def come_in(
    visitor: httpx.AsyncClient, platform: Platform, address: str, **fields: str
) -> httpx.Response:
    """Ask for a link and press its button."""
    assert (await ask(visitor, address)).status_code == 200
    token = token_in(await mailed(platform, address))
    return await visitor.post("/sign-in/link", data={"token": token, **fields})


async def form_token(visitor: httpx.AsyncClient) -> str:
    page = (await visitor.get("/settings/people")).text
    return page.split('name="form_token" value="')[1].split('"')[0]


@pytest.fixture
async def closed(platform: Platform) -> httpx.AsyncClient:
    """A browser before an installation where nobody signs up, and no mail goes out."""
    changed = msgspec.structs.replace(platform, sign_up_open=False, mail_configured=False)
    app = Litestar([portal_router(changed)], openapi_config=None, logging_config=None)
    return browser_of(app, changed)


async def test_from_address_to_pages(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """A member asks for a link, looks at it, presses its button and is in, where they wanted."""
    address = fresh()
    await make_account(email=address, paid="5")
    answer = await ask(visitor, f" {address} ", next="/calls?channel=web")
    assert (answer.status_code, "Check your mail" in answer.text) == (200, True)
    link = await mailed(platform, address)
    for _ in range(3):
        looked = await visitor.get(link)
        assert looked.status_code == 200
        assert address in looked.text
        assert "Continue to Ada&#39;s Bots" in looked.text
        assert "set-cookie" not in looked.headers
    answer = await visitor.post("/sign-in/link", data={"token": token_in(link)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/calls?channel=web")
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=lax", "secure", "path=/", "max-age=2592000"):
        assert part in cookie
    assert address in (await visitor.get("/settings/people")).text


async def test_a_used_link_says_so(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """A second use, and a look at a used link, lead back to asking for another."""
    address = fresh()
    await make_account(email=address)
    await come_in(visitor, platform, address)
    visitor.cookies.clear()
    link = await mailed(platform, address)
    for answer in (
        await visitor.get(link),
        await visitor.post("/sign-in/link", data={"token": token_in(link)}),
        await visitor.get("/sign-in/link"),
    ):
        assert answer.status_code == 410
        assert 'href="/sign-in"' in answer.text
        assert "set-cookie" not in answer.headers


async def test_the_answer_tells_nobody_who_is_a_member(
    closed: httpx.AsyncClient, visitor: httpx.AsyncClient, make_account: AccountFactory
) -> None:
    """Known and unknown addresses get the same page, with sign-up open and closed."""
    known, unknown = fresh(), fresh()
    await make_account(email=known)
    for browser in (closed, visitor):
        first, second = await ask(browser, known), await ask(browser, unknown)
        assert first.status_code == second.status_code == 200
        assert first.text.replace(known, "") == second.text.replace(unknown, "")


async def test_signing_up(visitor: httpx.AsyncClient, platform: Platform) -> None:
    """Somebody new names their account and is in, with the welcome bonus."""
    address = fresh()
    await ask(visitor, address)
    link = await mailed(platform, address)
    page = (await visitor.get(link)).text
    assert "Open your account" in page
    assert "$0.50" in page
    refused = await visitor.post("/sign-in/link", data={"token": token_in(link), "name": " "})
    assert (refused.status_code, 'aria-invalid="true"' in refused.text) == (400, True)
    answer = await visitor.post(
        "/sign-in/link", data={"token": token_in(link), "name": "Grace & Co"}
    )
    assert answer.status_code == 303
    page = (await visitor.get("/settings/people")).text
    assert "Grace &amp; Co" in page
    assert "$0.50" in page


async def test_where_sign_up_is_closed(
    closed: httpx.AsyncClient, visitor: httpx.AsyncClient, platform: Platform
) -> None:
    """The page says whom to ask; a link from before opens no account any more."""
    page = (await closed.get("/sign-in")).text
    assert "opens an account" not in page
    assert "to invite you" in page
    await ask(visitor, address := fresh())
    link = await mailed(platform, address)
    assert "No account here" in (await closed.get(link)).text
    answer = await closed.post("/sign-in/link", data={"token": token_in(link), "name": "Mine"})
    assert answer.status_code == 403


async def test_no_mail_is_said_plainly(
    closed: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    """Where no mail server is set up nobody waits for mail in vain."""
    words = "No mail goes out from here yet"
    assert words in (await closed.get("/sign-in")).text
    assert words in (await ask(closed, fresh())).text
    assert words not in (await visitor.get("/sign-in")).text


async def test_choosing_an_account(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """A member of several accounts chooses by a button, and switches later."""
    address = fresh()
    first, second = await make_account(email=address), await make_account(email=address)
    await ask(visitor, address)
    link = await mailed(platform, address)
    page = (await visitor.get(link)).text
    assert all(f'value="{account_id}"' in page for account_id in (first, second))
    unchosen = await visitor.post("/sign-in/link", data={"token": token_in(link)})
    assert (unchosen.status_code, "Choose an account" in unchosen.text) == (200, True)
    answer = await visitor.post(
        "/sign-in/link", data={"token": token_in(link), "account_id": second}
    )
    assert answer.status_code == 303
    before = visitor.cookies[COOKIE]
    assert 'href="/switch"' in (await visitor.get("/settings/people")).text
    page = (await visitor.get("/switch")).text
    assert f'value="{second}" aria-current="true"' in page
    token = await form_token(visitor)
    answer = await visitor.post("/switch", data={"form_token": token, "account_id": first})
    assert answer.status_code == 303
    assert visitor.cookies[COOKIE] != before
    assert f'value="{first}" aria-current="true"' in (await visitor.get("/switch")).text


async def test_no_way_into_another_account(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Neither the link nor the switcher opens an account of others, there or not."""
    address = fresh()
    await make_account(email=address)
    theirs = await make_account()
    await ask(visitor, address)
    token = token_in(await mailed(platform, address))
    for account_id in (theirs, "acct-nobody"):
        fields = {"token": token, "account_id": account_id}
        assert (await visitor.post("/sign-in/link", data=fields)).status_code == 403
    assert (await visitor.post("/sign-in/link", data={"token": token})).status_code == 303
    for account_id in (theirs, "acct-nobody"):
        fields = {"form_token": await form_token(visitor), "account_id": account_id}
        assert (await visitor.post("/switch", data=fields)).status_code == 403


async def test_the_platforms_link_switches_nowhere(customer: httpx.AsyncClient) -> None:
    """A session of the platform's link is no person: it has one account and the page says so."""
    assert "opens this one account" in (await customer.get("/switch")).text
    fields = {"form_token": await form_token(customer), "account_id": "x"}
    assert (await customer.post("/switch", data=fields)).status_code == 403


@pytest.mark.parametrize("address", ["", "ada", "ada@example", "<b>@x.y z", "é" * 300])
async def test_what_is_no_address(visitor: httpx.AsyncClient, address: str) -> None:
    """The form comes back with what was entered and what to enter."""
    answer = await ask(visitor, address)
    assert answer.status_code == 400
    assert "Write it like ada@example.com." in answer.text
    assert "<b>" not in answer.text


async def test_asking_too_often(visitor: httpx.AsyncClient) -> None:
    """After several links the page says to wait, and for how long."""
    address = fresh()
    for _ in range(LINKS_TO_ADDRESS.most):
        await ask(visitor, address)
    answer = await ask(visitor, address)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 901
    assert "several links" in answer.text


@pytest.mark.parametrize(
    "where",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/billing",
        "/%2Fevil.example",
        "/%5cevil.example",
        "%2F%2Fevil.example",
        "/\t/evil.example",
        "/ /evil.example",
        "/calls//evil.example",
        "javascript:alert(1)",
        "/.\n/evil.example",
        "/sign-in?next=/calls",
        "/leave",
        "/./enter?token=x",
        "/x/../enter?token=x",
        "/%2e/enter?token=x",
        "/x/.%2E/leave",
        "/calls/..",
        "/" + "a" * 600,
        "@evil.example",
        "",
    ],
)
async def test_next_stays_at_home(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory, where: str
) -> None:
    """Whatever is asked for as the next page, signing in leads to a page of ours."""
    address = fresh()
    await make_account(email=address)
    page = await visitor.get("/sign-in", params={"next": where})
    assert 'name="next" value="/billing"' in page.text
    await ask(visitor, address, next=where)
    token = token_in(await mailed(platform, address))
    answer = await visitor.post("/sign-in/link", data={"token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/billing")
    again = await visitor.get("/sign-in", params={"next": where})
    assert (again.status_code, again.headers["location"]) == (303, "/billing")


@pytest.mark.parametrize(
    "path", ["/calls?channel=web&before=x", "/settings/people", "/calls/CA%201"]
)
async def test_signed_out_pages_lead_to_sign_in_and_back(
    visitor: httpx.AsyncClient, path: str
) -> None:
    """Each page that needs a session names both ways in, and the way back to itself."""
    answer = await visitor.get(path)
    assert answer.status_code == 401
    [href] = re.findall(r'href="(/sign-in[^"]*)"', answer.text)
    assert "Open Billing from your platform again" in answer.text
    page = await visitor.get(href.replace("&amp;", "&"))
    value = path.replace("&", "&amp;")
    assert f'name="next" value="{value}"' in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_other_sites_sign_nobody_in(
    visitor: httpx.AsyncClient,
    platform: Platform,
    make_account: AccountFactory,
    headers: dict[str, str],
) -> None:
    """A form of another site can neither ask for links nor use one."""
    address = fresh()
    await make_account(email=address)
    await ask(visitor, address)
    token = token_in(await mailed(platform, address))
    for path, fields in (("/sign-in/link", {"token": token}), ("/sign-in", {"address": address})):
        answer = await visitor.post(path, data=fields, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    own = {"origin": HERE, "sec-fetch-site": "same-origin"}
    answer = await visitor.post("/sign-in/link", data={"token": token}, headers=own)
    assert answer.status_code == 303


async def test_a_planted_cookie_is_no_way_in(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Whatever token a browser had before signing in, it has another afterwards, and alone."""
    attacker, victim = fresh(), fresh()
    await make_account(email=attacker)
    await make_account(email=victim)
    await come_in(visitor, platform, attacker)
    planted = visitor.cookies[COOKIE]
    await come_in(visitor, platform, victim)
    assert visitor.cookies[COOKIE] != planted
    visitor.cookies.clear()
    visitor.cookies.set(COOKIE, planted, domain="talktime.test")
    assert (await visitor.get("/settings/people")).status_code == 401


async def test_an_unused_session_ends_for_good(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Half a day later the page asks to sign in again."""
    address = fresh()
    await make_account(email=address)
    await come_in(visitor, platform, address)
    later = msgspec.structs.replace(
        platform, clock=lambda: platform.clock() + timedelta(hours=12, seconds=1)
    )
    app = Litestar([portal_router(later)], openapi_config=None, logging_config=None)
    async with browser_of(app, later) as browser:
        browser.cookies = visitor.cookies
        assert (await browser.get("/settings/people")).status_code == 401


async def test_a_member_comes_in_with_their_role(
    visitor: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """A viewer sees the people and no controls but the one to leave."""
    account_id, address = await make_account(), fresh()
    async with platform.connection() as connection:
        await add_member(
            connection,
            account_id=account_id,
            address=address,
            role=Role.VIEWER,
            now=platform.clock(),
        )
    await come_in(visitor, platform, address)
    page = (await visitor.get("/settings/people")).text
    assert address in page
    assert "Invite somebody" not in page
    assert "/settings/people/role" not in page
