"""The worker's loops of payments, each done once and waited for."""

from talktime.loops import Loop
from talktime.ops.platform import Platform
from talktime.payment_loops import payment_loops


async def do_once(platform: Platform, *names: str) -> None:
    """Have these loops look once, one after another, and wait until what they began has ended."""
    by_name = loops_of(platform)
    for name in names:
        loop = by_name[name]
        await loop.act()
        if loop.finish is not None:
            await loop.finish()


def loops_of(platform: Platform) -> dict[str, Loop]:
    """The loops of payments by their names."""
    return {loop.name: loop for loop in payment_loops(platform)}


async def reload_cards(platform: Platform) -> None:
    """Auto-reload: first what stopped half-way, then who runs low by now."""
    await do_once(platform, "setups", "resumes", "reloads")
