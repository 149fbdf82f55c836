"""Billing in a real browser: the pictures, the search, and nothing that jumps."""

import asyncio
import csv
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from talktime.core.ratecard import Channel
from talktime.core.usage import LineReport
from talktime.ops.adjustments import post_adjustment
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.browser.looking import IN_EVERY_LOOK, Scheme, axe_faults
from tests.conftest import AccountFactory
from tests.portal.conftest import new_link

pytestmark = pytest.mark.browser

CHART = "Chart.getChart(document.querySelector('#{} canvas'))"


async def until(page: Page, condition: str) -> None:
    """Wait for a condition, asked from here: the page's policy lets it evaluate none by itself."""
    async with asyncio.timeout(10):
        while not await page.evaluate(condition):  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.02)


async def drawn(page: Page, name: str) -> list[list[float]]:
    """The figures that Chart.js has drawn in a box, by series."""
    return await page.evaluate(  # type: ignore[no-any-return]
        f"{CHART.format(name)}.data.datasets.map((one) => one.data)"
    )


async def live(page: Page) -> None:
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")


async def add_credit(bots: Bots, reference: str, usd: int, reason: str) -> None:
    async with bots.platform.connection() as connection:
        await post_adjustment(
            connection,
            account_id=bots.account_id,
            adjustment_id=reference,
            promo_nanos=0,
            paid_nanos=usd * 10**9,
            reason=reason,
            terms=bots.platform.terms,
            now=bots.platform.clock(),
        )


async def test_charts_follow_the_calls(page: Page, bots: Bots) -> None:
    """A bar grows and the line's last point falls as a call settles, on the page left open."""
    await live(page)
    await expect(page.locator("#spend .chart-empty")).to_have_count(1)
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await expect(page.locator("#spend-words")).to_contain_text("$0.052 in the last 30 days")
    assert [one[-1] for one in await drawn(page, "spend-chart")] == [
        0.005,
        0.006,
        0.022,
        0.007,
        0.012,
    ]
    await until(page, f"{CHART.format('balance-chart')}?.data.datasets[0].data.at(-1) === 5.448")
    await bots.call("CA2", *MINUTE_BY_PHONE)
    await expect(page.locator("#spend-words")).to_contain_text("$0.104 in the last 30 days")
    await until(page, f"{CHART.format('spend-chart')}.data.datasets[0].data.at(-1) > 0.009")
    await until(page, f"{CHART.format('balance-chart')}?.data.datasets[0].data.at(-1) === 5.396")
    await expect(page.locator("#balance-words")).to_contain_text("$5.396 available now")


async def test_tooltips_tell_exact_amounts(page: Page, bots: Bots) -> None:
    """A tooltip has the day, each part and the total, to the last digit shown in the table."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.reload()
    told = await page.evaluate(
        f"""() => {{
            const chart = {CHART.format("spend-chart")};
            const index = chart.data.labels.length - 1;
            chart.tooltip.setActiveElements(
                chart.data.datasets.map((_, datasetIndex) => ({{ datasetIndex, index }})),
                {{ x: 0, y: 0 }});
            chart.update("none");
            const {{ title, body, footer }} = chart.tooltip;
            return [title, body.map((one) => one.lines[0]), footer];
        }}"""
    )
    title, lines, footer = told
    assert len(title) == 1
    assert lines == [
        "Margin: $0.012",
        "Telephony: $0.007",
        "Text to speech: $0.022",
        "Speech to text: $0.006",
        "Language model: $0.005",
    ]
    assert footer == ["Total: $0.052"]


BARS = """() => Chart.getChart(document.querySelector("#spend-chart canvas"))
    .getSortedVisibleDatasetMetas().map((one) => one.data.at(-1).options.backgroundColor)"""
NAMES = """() => ["llm", "stt", "tts", "sip", "margin"].map((name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--tone-${name}`).trim())"""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
async def test_colours_follow_the_scheme(
    page: Page, bots: Bots, motion: Literal["no-preference", "reduce"]
) -> None:
    """When day turns to night the bars are painted anew, in the colours that their names have."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    schemes: tuple[Scheme, ...] = ("light", "dark")
    await page.emulate_media(color_scheme=schemes[0], reduced_motion=motion)
    await page.reload()
    await until(page, CHART.format("spend-chart"))
    told = []
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        await until(page, f"`${{({BARS})()}}` === `${{({NAMES})()}}`")
        told.append(set(await page.evaluate(NAMES)))
    assert len(told[0]) == len(told[1]) == 5
    assert not told[0] & told[1]


async def test_reduced_motion_draws_at_once(page: Page, bots: Bots) -> None:
    """Who asked for less motion gets charts that do not move."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.emulate_media(reduced_motion="reduce")
    await page.reload()
    await live(page)
    await bots.call("CA2", *MINUTE_BY_PHONE)
    await expect(page.locator("#spend-words")).to_contain_text("$0.104")
    assert await page.evaluate(f"{CHART.format('spend-chart')}.options.animation") is False


async def test_the_table_has_what_is_drawn(page: Page, bots: Bots) -> None:
    """Opened by the keyboard, the table tells the same figures, and stays open as they change."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.reload()
    await live(page)
    await page.locator("#spend-figures > summary").focus()
    await page.keyboard.press("Enter")
    cells = page.locator("#spend-figures tbody tr").first.locator("td .figure")
    await expect(cells.nth(0)).to_contain_text("$0.052")
    await expect(cells.nth(6)).to_contain_text("$5.448")
    await bots.call("CA2", *MINUTE_BY_PHONE)
    await expect(cells.nth(0)).to_contain_text("$0.104")
    await expect(cells.nth(0)).to_be_visible()


async def test_nothing_jumps_while_calls_settle(page: Page, bots: Bots) -> None:
    """From the first call on, calls run and settle without moving anything that is in sight."""
    await live(page)
    await page.wait_for_timeout(300)
    await page.evaluate(
        """() => {
            window.shifts = [];
            const named = (node) => (node?.outerHTML ?? node?.textContent ?? "").slice(0, 120);
            new PerformanceObserver((list) => {
                for (const { value, sources } of list.getEntries())
                    window.shifts.push([value, ...sources.map((one) => named(one.node))]);
            }).observe({ type: "layout-shift", buffered: false });
        }"""
    )
    for number in range(3):
        call_id = f"CA{number}"
        await bots.start(call_id, agent_id=f"agent-{number}")
        await expect(page.locator(".held")).to_contain_text("set aside for 1 running call")
        await bots.report(call_id, *MINUTE_BY_PHONE[:2])
        await bots.end(call_id, *MINUTE_BY_PHONE, seconds=60)
        await expect(page.locator("#history tr")).to_have_count(number + 2)
        await expect(page.locator(".held")).to_contain_text("No call is running")
    await expect(page.locator("#spend-words")).to_contain_text("$0.156")
    await page.wait_for_timeout(500)
    assert await page.evaluate("window.shifts") == []


async def test_search_by_keyboard(page: Page, bots: Bots) -> None:
    """Without a mouse: type, press Enter, see what matches, and take the filter away again."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await bots.call("CB1", *MINUTE_BY_PHONE)
    await page.reload()
    await page.get_by_label("Search").focus()
    await page.keyboard.type("CB")
    await page.keyboard.press("Enter")
    await expect(page.locator("#history tr")).to_have_count(1)
    await expect(page).to_have_url(re.compile("q=CB"))
    chip = page.get_by_role("link", name="Remove filter: “CB”")
    await chip.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#history tr")).to_have_count(3)
    await page.get_by_label("Kind").focus()
    await page.keyboard.type("Adj")
    await page.keyboard.press("Tab")
    await page.get_by_role("button", name="Show").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#history tr")).to_have_count(1)
    await expect(page.locator("#history")).to_contain_text("Adjustment")


async def test_a_filtered_list_admits_what_matches_only(page: Page, bots: Bots) -> None:
    """On a filtered list only transactions appear that a reload would show; the balance moves."""
    await page.goto(f"{bots.platform.public_url}/billing?q=CB&kind=call")
    await expect(page.locator("#history-empty")).to_contain_text("No transaction matches")
    await live(page)
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await expect(page.locator(".big")).to_have_text("$5.448")
    await add_credit(bots, "CB-credit", 1, "CB")
    await expect(page.locator(".big")).to_have_text("$6.448")
    await expect(page.locator("#history-empty")).to_be_visible()
    await bots.call("CB1", *MINUTE_BY_PHONE)
    await expect(page.locator("#history tr")).to_have_count(1)
    await expect(page.locator("#history-empty")).to_be_hidden()
    await page.reload()
    await expect(page.locator("#history tr")).to_have_count(1)


async def test_csv_of_what_is_shown(page: Page, bots: Bots, tmp_path: Path) -> None:
    """The button brings a file with exactly the entries that the page lists."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    await page.goto(f"{bots.platform.public_url}/billing?kind=call")
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="Download CSV").click()
    file = tmp_path / "file.csv"
    await (await coming.value).save_as(file)
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [(row["ref"], row["amount"]) for row in rows] == [("CA1", "-0.052")]


async def test_works_without_scripts(chromium: Browser, bots: Bots, site: Platform) -> None:
    """Without scripts the days stand as a table, and search, kinds, days and ranges work."""
    await bots.call("CA1", *MINUTE_BY_PHONE)
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, bots.account_id))
    await expect(page.locator("#spend-figures tbody tr")).to_have_count(30)
    await expect(page.locator("#spend-figures tbody tr").first).to_be_visible()
    await expect(page.locator(".chart-box").first).to_be_hidden()
    await page.get_by_role("link", name="7 days").click()
    await expect(page.locator("#spend-figures tbody tr")).to_have_count(7)
    await page.get_by_label("Kind").select_option("call")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#history tr")).to_have_count(1)
    await expect(page.locator("#spend-figures tbody tr")).to_have_count(7)
    await page.get_by_role("link", name="Remove filter: Call").click()
    await expect(page.locator("#history tr")).to_have_count(2)
    await context.close()


@IN_EVERY_LOOK
async def test_every_state_is_sound(
    page: Page, bots: Bots, axe: str, scheme: Scheme, width: int
) -> None:
    """Empty, filled and filtered, wide and narrow: no faults by axe, no scrolling sideways."""
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    chat = LineReport(service="llm", provider="acme", provider_cost="0.001")
    for state in ("new", "filled", "?kind=call&from=2026-01-01&q=CA1", "?q=nothing&days=90"):
        if state == "filled":
            await bots.call("CA1", *MINUTE_BY_PHONE, agent_id="a-rather-long-agent-name-" * 3)
            await bots.call("CA2", chat, channel=Channel.CHAT, agent_id="helper")
        path = state if state.startswith("?") else ""
        await page.goto(f"{bots.platform.public_url}/billing{path}")
        if state != "new":
            await until(page, CHART.format("spend-chart"))
            await page.locator("#spend-figures > summary").click()
        assert await page.evaluate("document.documentElement.scrollWidth") == width, state
        assert await axe_faults(page, axe) == [], state


async def test_a_new_account_is_taught(
    context: BrowserContext, site: Platform, make_account: AccountFactory
) -> None:
    """Before the first credit each part of the page says what will stand there."""
    page = await context.new_page()
    await page.goto(site.public_url + await new_link(site, await make_account()))
    words = {
        ".talk-time": "No new call can start",
        ".month": "in your first month here",
        "#spend": "will stand here as a bar",
        "#history-empty": "redeem a coupon",
    }
    for place, text in words.items():
        await expect(page.locator(place)).to_contain_text(text)
