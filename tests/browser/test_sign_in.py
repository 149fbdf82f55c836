"""Signing in, people and sessions in a real browser, and the pages within another site's."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page, expect

from talktime.core.member import Role
from talktime.ops.members import add_member
from talktime.ops.platform import Platform
from talktime.ops.portal_access import create_portal_link
from talktime.portal.visiting import COOKIE, FRAMED_COOKIE, new_secret
from tests.browser.looking import IN_EVERY_LOOK, Scheme
from tests.conftest import AccountFactory
from tests.portal.test_sign_in import mailed

pytestmark = pytest.mark.browser


def fresh() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.com"


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A browser that is not signed in; what it complains of fails the test."""
    page = await context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type in {"error", "warning"} and "status of" not in said.text
            else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await page.close()
    assert complaints == []


async def faults(page: Page, axe: str) -> list[str]:
    """What axe-core finds on a page, and whether it scrolls sideways."""
    found: list[str] = await page.evaluate(
        axe + "; axe.run().then(result => result.violations.map("
        "fault => fault.id + ' ' + fault.nodes.map(node => node.html).join(' ')))"
    )
    wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return found + ["scrolls sideways"] * wide


async def ask(page: Page, address: str) -> None:
    await page.get_by_label("E-mail address").fill(address)
    await page.get_by_role("button", name="Send me a link").click()
    await expect(page.locator("h1")).to_have_text("Check your mail")


async def sign_in(page: Page, site: Platform, address: str) -> None:
    await page.goto(f"{site.public_url}/sign-in?next=/settings/people")
    await ask(page, address)
    await page.goto(site.public_url + await mailed(site, address))
    await page.get_by_role("button", name="Continue to").click()
    await expect(page.get_by_role("heading", name="Where you are signed in")).to_be_visible()


async def test_signing_in_with_the_keyboard(
    page: Page, site: Platform, make_account: AccountFactory
) -> None:
    """From a page that needs it, by address, mail and button, back to that page."""
    address = fresh()
    await make_account(email=address)
    await page.goto(f"{site.public_url}/settings/people")
    await expect(page.locator("h1")).to_have_text("You are signed out")
    await page.get_by_role("link", name="Sign in").click()
    await expect(page.get_by_role("textbox")).to_be_focused()
    await page.keyboard.type(address)
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Check your mail")
    await page.goto(site.public_url + await mailed(site, address))
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{site.public_url}/settings/people")
    await expect(page.locator(".people .tag")).to_have_text("You")


async def test_signing_up(page: Page, site: Platform) -> None:
    """Somebody new opens an account and finds the welcome bonus in it."""
    address = fresh()
    await page.goto(f"{site.public_url}/sign-in")
    await ask(page, address)
    await page.goto(site.public_url + await mailed(site, address))
    await page.get_by_label("Name of the account").fill("Grace & Co")
    await page.get_by_role("button", name="Open account").click()
    await expect(page.locator("#side-balance")).to_contain_text("$0.50")


async def test_choosing_and_switching(
    page: Page, site: Platform, make_account: AccountFactory
) -> None:
    """A member of two accounts picks one, and the other later."""
    address = fresh()
    await make_account(email=address, paid="1")
    await make_account(email=address, paid="2")
    await page.goto(f"{site.public_url}/sign-in?next=/settings/people")
    await ask(page, address)
    await page.goto(site.public_url + await mailed(site, address))
    await page.locator(".door-choices button").first.click()
    await page.get_by_role("link", name="Switch account").click()
    await page.locator(".door-choices button:not([aria-current])").click()
    await expect(page.locator("#side-balance")).to_be_attached()
    await page.goto(f"{site.public_url}/switch")
    await expect(page.locator(".door-choices [aria-current]")).to_have_count(1)


async def test_people_and_sessions(
    page: Page, site: Platform, make_account: AccountFactory
) -> None:
    """An owner invites, gives a role, removes, and signs out everywhere."""
    address, guest = fresh(), fresh()
    await make_account(email=address)
    await sign_in(page, site, address)
    await page.get_by_label("E-mail address").fill(guest)
    await page.get_by_label("Billing:").check()
    await page.get_by_role("button", name="Invite").click()
    await expect(page.get_by_role("status")).to_contain_text("Invited.")
    row = page.locator(".people tbody tr", has_text=guest)
    await row.get_by_role("combobox").select_option("viewer")
    await row.get_by_role("button", name="Change").click()
    await expect(page.get_by_role("status")).to_contain_text("The role is changed")
    await row.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(page.locator("h1")).to_have_text("You are signed out")


@IN_EVERY_LOOK
async def test_pages_are_sound(
    page: Page,
    site: Platform,
    make_account: AccountFactory,
    axe: str,
    *,
    scheme: Scheme,
    width: int,
) -> None:
    """axe-core has nothing to say, and nothing scrolls sideways, light or dark, wide or narrow."""
    address = f"ada.lovelace+{uuid.uuid4().hex[:6]}@analytical-engines.example"
    account_id = await make_account(email=address, paid="5")
    async with site.connection() as connection:
        for guest, role in ((fresh(), Role.BILLING), (f"a-rather-long-{fresh()}", Role.VIEWER)):
            await add_member(
                connection, account_id=account_id, address=guest, role=role, now=site.clock()
            )
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    async def look(name: str) -> None:
        assert await faults(page, axe) == [], name

    await page.goto(f"{site.public_url}/billing")
    await look("signed-out")
    await page.goto(f"{site.public_url}/sign-in?next=/settings/people")
    await look("sign-in")
    await page.get_by_label("E-mail address").fill("ada@")
    await page.get_by_role("button", name="Send me a link").click()
    await expect(page.locator("#address-error")).to_be_visible()
    await look("sign-in-wrong")
    await ask(page, address)
    await look("check-mail")
    link = site.public_url + await mailed(site, address)
    await page.goto(link)
    await look("link")
    await make_account(email=address)
    await page.goto(link)
    await look("choose")
    await page.locator(".door-choices button").first.click()
    await expect(page.get_by_role("heading", name="Invite somebody")).to_be_visible()
    await look("people")
    await page.goto(f"{site.public_url}/switch")
    await look("switch")
    await page.goto(link)
    await look("link-used")
    await page.goto(f"{site.public_url}/settings/people")
    await page.get_by_role("button", name="Sign out everywhere").click()
    await look("left")
    await page.goto(f"{site.public_url}/sign-in")
    await ask(page, someone := fresh())
    await page.goto(site.public_url + await mailed(site, someone))
    await look("sign-up")


@pytest.fixture
async def host() -> AsyncIterator[str]:
    """Another site: a page that frames whatever address follows its "?"."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        while (await reader.readline()).strip():
            pass
        framed = line.split(" ")[1].partition("?")[2]
        body = (
            "<!doctype html><link rel=icon href=data:,><title>Dashboard</title>"
            f'<iframe id="framed" width="1200" height="800" src="{framed}"></iframe>'
        ).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n"
            + f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()


async def framed_link(site: Platform, account_id: str, origin: str | None) -> str:
    async with site.connection() as connection:
        token, _ = await create_portal_link(
            connection,
            account_id=account_id,
            secret=new_secret(),
            frame_origin=origin,
            now=site.clock(),
        )
    return f"{site.public_url}/enter?token={token}"


async def test_pages_within_another_site(
    context: BrowserContext, site: Platform, make_account: AccountFactory, host: str
) -> None:
    """The site that was named frames the pages, across sites, forms and sign-out too."""
    account_id = await make_account(paid="5")
    page = await context.new_page()
    await page.goto(f"{host}/?{await framed_link(site, account_id, host)}")
    within = page.frame_locator("#framed")
    await expect(within.locator("#side-balance")).to_contain_text("$5.00")
    await expect(within.locator("#live-state")).to_have_attribute("data-state", "live")
    await within.get_by_role("link", name="Settings").click()
    await within.get_by_label("Parts of the settings").get_by_text("People").click()
    await expect(within.locator(".sessions")).to_contain_text(f"Within {host}")
    cookies = {cookie.get("name"): cookie for cookie in await context.cookies()}
    assert FRAMED_COOKIE in cookies
    assert COOKIE not in cookies
    by_itself = await context.new_page()
    await by_itself.goto(f"{site.public_url}/settings/people")
    await expect(by_itself.locator("h1")).to_have_text("You are signed out")
    await within.get_by_role("button", name="Sign out", exact=True).click()
    await expect(within.locator("h1")).to_have_text("You are signed out")


async def test_a_browser_with_two_sessions_mixes_nothing_up(
    context: BrowserContext, site: Platform, make_account: AccountFactory, host: str
) -> None:
    """A framed page reads itself anew, and files are loaded from it, as its own account, where the
    browser is signed in to another by itself on the same site."""
    other, account_id = await make_account(paid="9"), await make_account(paid="5")
    neighbour = host.replace("localhost", "127.0.0.1")
    by_itself = await context.new_page()
    await by_itself.goto(await framed_link(site, other, None))
    page = await context.new_page()
    await page.goto(f"{neighbour}/?{await framed_link(site, account_id, neighbour)}")
    names = {cookie.get("name") for cookie in await context.cookies()}
    assert {COOKIE, FRAMED_COOKIE} <= names
    within = page.frame_locator("#framed")
    await expect(within.locator("#side-balance")).to_contain_text("$5.00")
    framed = page.frames[1]
    async with page.expect_response(lambda answer: answer.request.resource_type == "fetch") as read:
        await framed.evaluate(
            "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
        )
    assert "$5.00" in await (await read.value).text()
    await expect(within.locator("#live-state")).to_have_attribute("data-state", "live")
    await expect(within.locator("#side-balance")).to_contain_text("$5.00")
    for loading, owner in ((within, account_id), (by_itself, other)):
        async with (page if loading is within else by_itself).expect_download() as loaded:
            await loading.get_by_role("link", name="Download CSV").first.click()
        assert owner in (await (await loaded.value).path()).read_text()


@pytest.mark.parametrize("origin", [None, "https://other.example"])
async def test_no_other_site_frames_the_pages(
    context: BrowserContext,
    site: Platform,
    make_account: AccountFactory,
    host: str,
    origin: str | None,
) -> None:
    """Where nobody, or another site, was named the frame stays blank."""
    account_id = await make_account(paid="5")
    page = await context.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text))
    await page.goto(f"{host}/?{await framed_link(site, account_id, origin)}")
    await page.wait_for_timeout(500)
    within = page.frame_locator("#framed")
    await expect(within.locator("#side-balance")).to_have_count(0)
    assert any("frame-ancestors" in words or "X-Frame-Options" in words for words in refused)
