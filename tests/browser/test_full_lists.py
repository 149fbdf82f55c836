"""A page left open at a busy account: its list stays as long as it may be, and goes on below."""

from collections.abc import Sequence

import pytest
from playwright.async_api import BrowserContext, Page, Request, expect

from talktime.core.call import EndFacts, Outcome, StartFacts
from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.call_end import EndRequest, end_calls
from talktime.ops.call_start import start_calls
from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.browser.looking import FULL

pytestmark = pytest.mark.browser

MOST = 200
AT_ONCE = 20
BURST = 44
LINE = LineReport(service="llm", provider="acme", model="mind", provider_cost="0.001")
PATHS = ["billing?days=7&kind=call&q=CA", "calls?channel=phone&min=0.001"]
if FULL:
    PATHS += ["billing", "calls"]


def rows_on(path: str) -> str:
    """What selects the rows of a page's list."""
    return "#history tr" if path.startswith("billing") else "#calls tbody.call"


async def play(bots: Bots, call_ids: Sequence[str], channel: Channel) -> None:
    """Calls begin and end together, at one and the same time."""
    platform, account_id = bots.platform, bots.account_id
    async with platform.connection() as connection:
        starts = [
            StartFacts(account_id=account_id, call_id=call_id, channel=channel)
            for call_id in call_ids
        ]
        await start_calls(connection, starts, terms=platform.terms, now=platform.clock())
    async with platform.connection() as connection:
        ends = [
            EndRequest(
                account_id=account_id,
                call_id=call_id,
                facts=EndFacts(outcome=Outcome.COMPLETED, duration_ms=60_000),
                lines=(LINE,),
            )
            for call_id in call_ids
        ]
        await end_calls(
            connection,
            ends,
            book=platform.prices.book,
            terms=platform.terms,
            now=platform.clock(),
        )


async def rows_of(page: Page, path: str) -> list[str]:
    return await page.locator(rows_on(path)).evaluate_all("(rows) => rows.map((row) => row.id)")  # type: ignore[no-any-return]


async def walk(page: Page, path: str) -> list[str]:
    """All rows from the page that is shown down to the last, by its links to older ones."""
    rows = await rows_of(page, path)
    while await page.locator("#older").is_visible():
        async with page.expect_navigation():
            await page.locator("#older").click()
        rows += await rows_of(page, path)
    return rows


async def opened(page: Page, site: Platform, path: str, asked: list[str]) -> Page:
    """A list, left open; what it asks for from then on goes into ``asked``."""
    await page.goto(f"{site.public_url}/{path}")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await expect(page.locator("#older")).to_be_hidden()

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    return page


@pytest.mark.timeout(180)
async def test_a_full_list_goes_on_below(
    context: BrowserContext, page: Page, bots: Bots, site: Platform
) -> None:
    """After 260 calls the newest 200 rows stand on each page left open, nothing was read again, and
    the pages below have all others, each once, in the order of a list that is opened anew."""
    asked: list[str] = []
    tabs = [page, *[await context.new_page() for _ in PATHS[1:]]]
    pages = {
        path: await opened(tab, site, path, asked) for path, tab in zip(PATHS, tabs, strict=True)
    }
    numbers = range(260)
    for first in numbers[::BURST]:
        ids = [f"CA{number:03d}" for number in numbers[first : first + BURST]]
        await play(bots, ids[1:] + ids[:1], Channel.PHONE)
        await play(bots, [f"other-{first}"], Channel.WEB)
        for path, one in pages.items():
            await expect(one.locator(rows_on(path), has_text=ids[-1])).to_have_count(1)
    await bots.call("CA-last", LINE)
    for path, one in pages.items():
        await expect(one.locator(rows_on(path)).first).to_contain_text("CA-last")
        await expect(one.locator(rows_on(path))).to_have_count(MOST)
    assert asked == []

    for path, one in pages.items():
        left_open = await walk(one, path)
        await one.goto(f"{site.public_url}/{path}")
        assert left_open == await walk(one, path), path
        assert len(left_open) == len(set(left_open)) >= 261, path


async def test_focus_goes_on_where_the_list_goes_on(page: Page, bots: Bots, site: Platform) -> None:
    """Who stands with the keyboard on the last row when it goes stands on the link to it."""
    await page.goto(f"{site.public_url}/calls")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await page.evaluate(f"document.getElementById('calls').dataset.most = {AT_ONCE}")
    await play(bots, [f"CA{number:03d}" for number in range(AT_ONCE)], Channel.PHONE)
    await expect(page.locator("tbody.call .badge", has_text="Completed")).to_have_count(AT_ONCE)
    last = page.locator("tbody.call .open").last
    await last.click()
    await expect(page.locator(".receipt")).to_contain_text("Charged")
    await last.focus()
    await bots.start("CA-next")
    await expect(page.locator("tbody.call .open").first).to_have_text("CA-next")
    await expect(page.locator("tbody.call")).to_have_count(AT_ONCE)
    await expect(page.locator("#older")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody.call .open")).to_have_text(["CA000"])


async def test_an_empty_page_of_a_long_search_shows_what_comes(
    page: Page, bots: Bots, site: Platform
) -> None:
    """Where nothing was found so far and there is more to look through, what comes is shown."""
    await page.goto(f"{site.public_url}/billing?q=CA")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await page.evaluate(
        """() => {
            const older = document.getElementById("older");
            older.href = "/billing?q=CA&before=1";
            older.hidden = false;
        }"""
    )
    await bots.call("CA1", LINE)
    await expect(page.locator("#history tr")).to_have_count(1)
    await expect(page.locator("#older")).to_have_attribute("href", "/billing?q=CA&before=1")
