"""From hang-up to the figure on an open page: a real server, a real browser, and calls at a pace.

``python -m bench.open_page`` prints how long it took from the moment an end of a call was sent
until the page showed a balance from which that call was taken.
"""

import argparse
import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from playwright.async_api import Page, async_playwright

from bench.load import Plan, Told

CONNECTIONS: Final = 16
LEAD_SECONDS: Final = 3
"""How long a call runs before it is hung up."""
CALM_SECONDS: Final = 5.0
"""Within which the page must show the end of it all."""
PAID: Final = "5000"
PROMO: Final = "0.5"
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
END: Final = msgspec.json.encode(
    {
        "outcome": "completed",
        "duration_seconds": 60,
        "lines": [
            {"service": "llm", "provider": "acme", "model": "mind", "provider_cost": "0.005"},
            {"service": "stt", "provider": "acme", "model": "ear", "provider_cost": "0.006"},
            {"service": "tts", "provider": "acme", "model": "mouth", "provider_cost": "0.022"},
            {"service": "sip", "provider": "acme", "model": "wire", "provider_cost": "0.007"},
        ],
    }
).decode()
NOT_DIGITS: Final = str.maketrans({"$": None, ",": None, "\u2212": "-"})
ROWS: Final = """() => [...document.querySelectorAll("tr[id^=entry-]")].map(
    (row) => Number(row.id.slice("entry-".length)),
)"""
WATCH: Final = """() => {
    window.seen = [];
    const note = () => {
        const text = document.querySelector(".big")?.textContent ?? "";
        if (text !== window.seen.at(-1)?.[1]) {
            window.seen.push([performance.timeOrigin + performance.now(), text]);
        }
    };
    note();
    new MutationObserver(note).observe(document.body, {
        subtree: true, childList: true, characterData: true,
    });
}"""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is played."""

    per_second: int = 100
    seconds: int = 60
    accounts: int = 10
    """The calls are spread over so many; 1: all on the one that is watched."""
    pages: int = 1
    """Open pages of the watched account: one in a browser, the others only listen."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the page showed, and how long after each hang-up."""

    delays_ms: list[float]
    """Sorted, one per call of the watched account."""
    balances: list[Decimal]
    """What was shown, one after the other."""
    final: Decimal
    """What the ledger says."""
    rows: list[int]
    """The numbers of the transactions that the page lists at the end, from top to bottom."""
    end_p99_ms: float
    """How long the requests took."""

    def percentile(self, percent: int) -> float:
        return self.delays_ms[min(len(self.delays_ms) * percent // 100, len(self.delays_ms) - 1)]


async def play(url: str, key: str, asked: Asked) -> Shown:
    """Play it before a server that runs; raises where the page complains or never catches up."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=url,
                headers={"Authorization": f"Bearer {key}"},
                timeout=30,
                trust_env=False,
            )
        )
        run = secrets.token_hex(4)
        accounts = [f"open-page-{run}-{number}" for number in range(asked.accounts)]
        for account in accounts:
            await _open_account(client, account)
        watched = accounts[0]
        for _ in range(asked.pages - 1):
            await stack.enter_async_context(_listener(client, watched))
        page, complaints = await stack.enter_async_context(_open_page(client, watched))
        await page.evaluate(WATCH)
        calls = [
            (accounts[n % asked.accounts], f"CA{run}{n:024x}")
            for n in range(asked.per_second * asked.seconds)
        ]
        requests, ends = _requests(calls, min(LEAD_SECONDS * asked.per_second, len(calls)))
        told = await asyncio.to_thread(_load, url, key, requests, 2.0 * asked.per_second)
        after = await _balances_after(client, watched)
        final = min(after.values())
        shown = await _seen(page)
        deadline = time.monotonic() + CALM_SECONDS
        while shown[-1][1] != final and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            shown = await _seen(page)
        rows = await page.evaluate(ROWS)
        if complaints:
            raise RuntimeError(f"the page complained: {complaints}")
    delays = [
        _first_time(shown, after[call]) - told.sent_at[ends[account, call]]
        for account, call in calls
        if account == watched
    ]
    return Shown(
        delays_ms=sorted(delay * 1000 for delay in delays),
        balances=[balance for _, balance in shown],
        final=final,
        rows=rows,
        end_p99_ms=told.p99_ms,
    )


async def _seen(page: Page) -> list[tuple[float, Decimal]]:
    """What the page showed so far: seconds since 1970, and the balance."""
    seen: list[tuple[float, str]] = await page.evaluate("window.seen")
    return [(at / 1000, Decimal(text.translate(NOT_DIGITS))) for at, text in seen]


def _requests(
    calls: list[tuple[str, str]], lead: int
) -> tuple[list[tuple[str, str]], dict[tuple[str, str], int]]:
    """Starts and ends in turn, each end ``lead`` starts later; and where the ends stand.

    As many calls as run at the beginning are left running at the end, so that the pace is kept.
    """
    requests: list[tuple[str, str]] = []
    ends: dict[tuple[str, str], int] = {}
    left = [(account, f"{call}-left") for account, call in calls[:lead]]
    for n, (account, call) in enumerate([*calls, *left]):
        body = {"account_id": account, "call_id": call, "channel": "phone"}
        requests.append(("/v1/calls", msgspec.json.encode(body).decode()))
        if n >= lead:
            over = calls[n - lead]
            ends[over] = len(requests)
            requests.append((f"/v1/accounts/{over[0]}/calls/{over[1]}/end", END))
    return requests, ends


def _first_time(shown: list[tuple[float, Decimal]], balance: Decimal) -> float:
    """When the page first showed this balance or one from which even more was taken."""
    return next((at for at, one in shown if one <= balance), float("inf"))


def _load(url: str, key: str, requests: list[tuple[str, str]], per_second: float) -> Told:
    address = httpx.URL(url)
    plan = Plan(
        host=address.host,
        port=address.port or 80,
        connections=CONNECTIONS,
        requests=requests,
        key=key,
        per_second=per_second,
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.json.encode(plan),
        stdout=subprocess.PIPE,
        timeout=600,
        check=True,
    )
    told = msgspec.json.decode(done.stdout, type=Told)
    if told.refused:
        raise RuntimeError(f"{told.refused} requests were refused: {told.first_refusal}")
    return told


async def _open_account(client: httpx.AsyncClient, account: str) -> None:
    facts = {"account_id": account, "name": "Ada's Bots", "email": f"{account}@example.com"}
    (await client.post("/v1/accounts", json=facts)).raise_for_status()
    opening = {"adjustment_id": "opening", "paid": PAID, "promo": PROMO, "reason": "to begin with"}
    answer = await client.post(f"/v1/accounts/{account}/adjustments", json=opening)
    answer.raise_for_status()


async def _way_in(client: httpx.AsyncClient, account: str) -> str:
    answer = await client.post(f"/v1/accounts/{account}/portal-sessions")
    url: str = answer.raise_for_status().json()["url"]
    return url


@asynccontextmanager
async def _open_page(
    client: httpx.AsyncClient, account: str
) -> AsyncIterator[tuple[Page, list[str]]]:
    complaints: list[str] = []

    def listen(message: Any) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    async with async_playwright() as playwright:
        path = shutil.which("chromium")
        async with await playwright.chromium.launch(executable_path=path, args=FLAGS) as browser:
            page = await browser.new_page(viewport={"width": 1280, "height": 900})
            page.on("console", listen)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.goto(await _way_in(client, account))
            await page.wait_for_selector("#live-state[data-state=live]")
            yield page, complaints


@asynccontextmanager
async def _listener(client: httpx.AsyncClient, account: str) -> AsyncIterator[None]:
    """A page as the server knows it: signed in, and listening to what Billing listens to."""

    async def read(visitor: httpx.AsyncClient) -> None:
        async with visitor.stream("GET", "/live?page=billing&newest=1", timeout=None) as stream:
            stream.raise_for_status()
            async for _ in stream.aiter_raw():
                pass

    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as visitor:
        answer = await visitor.get(await _way_in(client, account))
        assert answer.status_code == 303, answer.text[:200]
        reading = asyncio.create_task(read(visitor))
        try:
            yield
            assert not reading.done(), "a listener was turned away"
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def _balances_after(client: httpx.AsyncClient, account: str) -> dict[str, Decimal]:
    """The balance after each call's entry, by call id."""
    found: dict[str, Decimal] = {}
    cursor: str | None = None
    while True:
        query = {"limit": "200", "kind": "call"} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(f"/v1/accounts/{account}/entries", params=query)
        page = answer.raise_for_status().json()
        for entry in page["items"]:
            found[entry["ref"]] = Decimal(entry["available_after"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.open_page", description=__doc__)
    for name, default in (("per-second", 100), ("seconds", 20), ("accounts", 10), ("pages", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = Asked(**vars(parser.parse_args()))
    home = Path(tempfile.mkdtemp(prefix="talktime-bench-"))
    home.chmod(0o755)  # PostgreSQL's own user must get through
    key = secrets.token_hex(20)
    process = subprocess.Popen(
        [sys.executable, "-m", "talktime", "serve", "--port", "0"],
        env={
            **os.environ,
            "TALKTIME_HOME": str(home),
            "TALKTIME_OPERATOR_KEY": key,
            "TALKTIME_LOG_LEVEL": "warning",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip().rsplit(" ", 1)[-1]
        print(f"server {process.pid} at {url}", flush=True)
        begin = time.monotonic()
        shown = asyncio.run(play(url, key, asked))
        print(
            f"{len(shown.delays_ms)} calls watched, {len(shown.balances)} balances shown: "
            f"p50 {shown.percentile(50):.0f} ms, p99 {shown.percentile(99):.0f} ms, "
            f"at most {shown.delays_ms[-1]:.0f} ms; requests' p99 {shown.end_p99_ms:.1f} ms; "
            f"{time.monotonic() - begin:.0f} s in all"
        )
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
