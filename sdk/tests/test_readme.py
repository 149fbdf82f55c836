import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

README = (Path(__file__).parents[1] / "README.md").read_text()


async def run_quickstart(url: str) -> str:
    """The quickstart as a reader would run it: copied into a file, in a process of its own."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        code,
        env=os.environ | {"TALKTIME_URL": url, "TALKTIME_KEY": "tt_platform_k1_secret"},
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    return printed.decode()


async def test_the_quickstart_bills_a_call(server: Any) -> None:
    """The quickstart runs as it stands, and the call it makes is settled with all its usage."""
    printed = await run_quickstart(server.url)
    assert "charged $0.052" in printed
    assert server.ended["outcome"] == "completed"
    assert server.totals[("llm", "openai", "gpt-4o-mini", "")] == {
        "input_tokens": 56,
        "cached_input_tokens": 28,
        "output_tokens": 22,
    }
    assert server.totals[("stt", "deepgram", "nova-3", "")] == {"audio_seconds": "4.54"}


async def test_the_quickstart_is_refused_politely(server: Any) -> None:
    """Without credits the quickstart says why, and begins nothing."""
    figures = {"available": "0.05", "held": "0", "startable": "0.05", "floor": "0.1"}
    server.script("start", (402, {"code": "insufficient_credits", **figures}, {}))
    assert await run_quickstart(server.url) == "refused: $0.05 is less than $0.1\n"
    assert [seen.act for seen in server.seen] == ["POST accounts", "start"]


async def test_the_quickstart_runs_again_and_again(server: Any) -> None:
    """Each run is a call of its own: a second one meets no call that is over."""
    for _ in range(2):
        assert "charged $0.052" in await run_quickstart(server.url)
        server.ended, server.started = None, False
    first, second = (seen.body["call_id"] for seen in server.of("start"))
    assert first != second
