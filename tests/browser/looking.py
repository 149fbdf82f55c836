"""Looking at pages in every width and scheme: what a machine can judge, and pictures for people."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from playwright.async_api import Page

FULL = "TALKTIME_FULL" in os.environ
"""Look at all of it, and leave pictures."""

PHONE = 390
SCREENS = Path(__file__).resolve().parents[2] / "build" / "screens"
Scheme: TypeAlias = Literal["light", "dark"]
LOOKS: list[tuple[int, Scheme]] = [(PHONE, "dark"), (1280, "light")]
if FULL:
    LOOKS += [(PHONE, "light"), (1280, "dark")]
IN_EVERY_LOOK = pytest.mark.parametrize(("width", "scheme"), LOOKS)

# What a finger hits: links within a sentence aside, which the text's own lines keep apart. A link
# that is laid over all of its row is as large as that.
_SMALL = """() => [...document.querySelectorAll("a[href], button, input, select, summary")]
    .filter((one) => one.checkVisibility() && one.type !== "hidden")
    .filter((one) => one.closest(".skip, .unseen") === null)
    .map((one) => ["checkbox", "radio"].includes(one.type) ? one.closest("label") ?? one : one)
    .filter((one) => getComputedStyle(one).display !== "inline")
    .map((one) => ({ one, row: getComputedStyle(one, "::after").position === "absolute" }))
    .map(({ one, row }) => ({ one, box: (row ? one.offsetParent : one).getBoundingClientRect() }))
    .filter(({ box }) => box.width > 1 && (box.height < 43.5 || box.width < 43.5))
    .map(({ one, box }) => `${box.width} by ${box.height}: ${one.outerHTML.slice(0, 160)}`)"""

# Texts at which nobody can look, since they end beyond the window and nothing there scrolls.
_CUT = """() => [...document.querySelectorAll("#main *")]
    .filter((one) => one.checkVisibility() && one.children.length === 0)
    .filter((one) => one.textContent.trim() !== "" && one.closest("canvas") === null)
    .filter((one) => {
        const box = one.getBoundingClientRect();
        if (one.closest(".pad") !== null || box.width < 2) return false;
        if (box.right <= innerWidth + 0.5 && box.left >= -0.5) return false;
        for (let up = one; up.id !== "main"; up = up.parentElement) {
            const style = getComputedStyle(up);
            if (["auto", "scroll"].includes(style.overflowX)) return false;
            if (style.textOverflow === "ellipsis" || style.clipPath !== "none") return false;
        }
        return true;
    })
    .map((one) => `cut off: ${one.outerHTML.slice(0, 160)}`)"""


# Figures that lie over those of the next column.
_OVERLAID = """() => [...document.querySelectorAll("#main .figure, #main .money, #main .when")]
    .filter((one) => one.checkVisibility() && one.querySelector(".figure, .pad") === null)
    .filter((one) => one.closest("thead") === null)
    .map((one) => ({ one, box: one.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 2)
    .flatMap(({ one, box }, i, all) => all.slice(i + 1).filter(({ one: other, box: next }) =>
        !one.contains(other) && box.right > next.left + 1 && next.right > box.left + 1 &&
        box.bottom > next.top + 6 && next.bottom > box.top + 6 &&
        one.closest("dialog") === other.closest("dialog")).map(({ one: other }) =>
        `lies over another: ${one.outerHTML.slice(0, 99)} ${other.outerHTML.slice(0, 99)}`))"""

# A large figure that is larger than its card.
_SQUEEZED = """() => [...document.querySelectorAll("#main .big")]
    .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
    .map((one) => `wider than its card: ${one.outerHTML.slice(0, 160)}`)"""


async def axe_faults(page: Page, axe: str) -> list[str]:
    """What axe-core finds; it is evaluated, not added as a script, which the policy forbids."""
    await page.evaluate(axe)
    found = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert found["passes"], "axe has looked at nothing"
    return [
        f"{fault['id']}: {node['html']} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


async def small_targets(page: Page) -> list[str]:
    """What is narrower or lower than the 44 pixels that a finger needs."""
    found: list[str] = await page.evaluate(_SMALL)
    return found


async def cut_texts(page: Page) -> list[str]:
    """Texts that end beyond the edge of the window, or lie over others."""
    found: list[str] = await page.evaluate(_CUT)
    overlaid: list[str] = await page.evaluate(_OVERLAID)
    squeezed: list[str] = await page.evaluate(_SQUEEZED)
    return found + overlaid + squeezed


async def picture(page: Page, path: str, name: str) -> None:
    """Leave a picture, for people to look at."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    file = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")
    await page.screenshot(path=SCREENS / f"{file}-{name}.png", full_page=True)


class Looker:
    """Looks at a page as it stands, and remembers what is wrong, so that one journey tells all."""

    def __init__(
        self, page: Page, axe: str, looks: Sequence[tuple[int, Scheme]] = tuple(LOOKS)
    ) -> None:
        self.page = page
        self.axe = axe
        self.looks = looks
        self.faults: list[str] = []

    async def look(self, name: str) -> None:
        """At every width and scheme nothing sticks out, fingers can hit, and axe is content."""
        page = self.page
        for width, scheme in self.looks:
            await page.set_viewport_size({"width": width, "height": 900})
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if FULL:
                await page.wait_for_timeout(250)
                await picture(page, name, f"{width}-{scheme}")
            found = await cut_texts(page) + await axe_faults(page, self.axe)
            if await page.evaluate("document.documentElement.scrollWidth") > width:
                found.append("scrolls sideways")
            if width == PHONE:
                found += await small_targets(page)
            self.faults += [f"{name}, {width} {scheme}: {fault}" for fault in found]
