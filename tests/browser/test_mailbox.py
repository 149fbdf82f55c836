"""The mailbox of a development machine: what was sent is read there, and its links lead on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.async_api import BrowserContext, Page, expect

from talktime.config import Settings
from talktime.serve import Running, listen, running_server
from tests.browser.looking import axe_faults
from tests.conftest import AccountFactory


@pytest.fixture
async def running(database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A server that keeps its mail."""
    settings = Settings(home=tmp_path, mailbox=True, log_level="error")
    with listen("127.0.0.1", 0) as listener:
        async with running_server(settings, database_url, listener, with_worker=False) as running:
            yield running


async def open_mail(page: Page, running: Running, address: str) -> None:
    """The newest mail to an address, once it is there."""
    mine = page.locator(".mails a", has_text=address)
    await page.goto(f"{running.url}/mailbox")
    for _ in range(200):
        if await mine.count():
            break
        await page.wait_for_timeout(100)
        await page.reload()
    await mine.first.click()


async def test_signing_in_by_a_mail_read_there(
    running: Running, context: BrowserContext, make_account: AccountFactory
) -> None:
    """A link asked for on the sign-in page arrives in the mailbox and signs in."""
    account_id = await make_account(paid="5")
    address = f"{account_id[5:]}@example.com"
    page = await context.new_page()
    await page.goto(f"{running.url}/sign-in")
    await page.fill("#address", address)
    await page.click("button[type=submit]")
    await open_mail(page, running, address)
    await expect(page.locator("h1")).to_have_text("Your link to sign in")

    letter = page.frame_locator("iframe")
    await expect(letter.locator("h1")).to_have_text("Sign in to Talktime")
    await letter.get_by_role("link", name="Sign in", exact=True).click()
    await page.wait_for_url("**/sign-in/link?token=*")
    await page.locator("main button[type=submit], form button[type=submit]").first.click()
    await page.wait_for_url("**/billing")
    await page.close()


@pytest.mark.parametrize("look", [("light", 1280), ("dark", 390)])
async def test_axe_finds_nothing_in_mail(
    running: Running,
    context: BrowserContext,
    make_account: AccountFactory,
    axe: str,
    look: tuple[Literal["light", "dark"], int],
) -> None:
    """The list, a mail as HTML and as text, and the mail itself are clean, light and dark."""
    scheme, width = look
    account_id = await make_account(verified=True)
    page = await context.new_page()
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    await open_mail(page, running, f"{account_id[5:]}@example.com")
    mail = page.url
    for address in (f"{running.url}/mailbox", mail, f"{mail}?part=text"):
        await page.goto(address)
        assert await axe_faults(page, axe) == [], address
    async with httpx.AsyncClient(trust_env=False) as client:
        html = (await client.get(f"{mail}/html")).text
    bare = await context.new_page()
    await bare.emulate_media(color_scheme=scheme)
    await bare.set_content(html)
    assert await axe_faults(bare, axe) == []
    wide = await bare.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide


async def test_a_mail_is_shown_and_not_obeyed(
    running: Running, make_account: AccountFactory
) -> None:
    """The HTML of a mail runs no script, loads nothing, and is framed by nobody else."""
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        await make_account(verified=True)
        listed = await client.get("/mailbox")
        while "mail-subject" not in listed.text:
            listed = await client.get("/mailbox")
        key = listed.text.split('href="/mailbox/')[1].split('"')[0]
        policy = (await client.get(f"/mailbox/{key}/html")).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "sandbox allow-popups" in policy
        assert "allow-scripts" not in policy
        assert "frame-ancestors 'self'" in policy
        assert (await client.get("/mailbox/nothing")).status_code == 404
