"""Serves the payment door and runs the payment loops, one life after another, each until killed.

Run as ``python paying_process.py CONNINFO STRIPE_URL``. A line on stdin begins a life and says by
how many seconds its clock is ahead; told are "PID PORT" once it listens, and "ended" when it was
killed. What it logs goes to stderr.
Imports are made once: a life is a fork, and begins within a moment.
"""

import asyncio
import os
import signal
import socket
import sys
from datetime import timedelta
from pathlib import Path

import uvicorn
from msgspec.structs import replace

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.gateways.stripe_checkout import StripeCheckout
from talktime.loops import run_loops
from talktime.ops.platform import Payments, open_platform, utc_now
from talktime.ops.terms import Terms
from talktime.payment_loops import payment_loops
from tests.api.caller import OPERATOR_KEY
from tests.payments.paying import SECRET

EVERY_SECONDS = 0.02
LONGEST_LIFE_SECONDS = 900
TOLD = os.dup(sys.stdout.fileno())


async def live(conninfo: str, stripe_url: str, ahead: timedelta) -> None:
    """Serve and work until killed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    provider = StripeCheckout("sk_test_right", api_base=stripe_url)
    async with open_platform(
        conninfo, terms=Terms(), public_url="https://t.test", clock=lambda: utc_now() + ahead
    ) as opened:
        platform = replace(opened, payments=Payments(provider=provider, notice_secret=SECRET))
        settings = Settings(home=Path("/nonexistent"), operator_key=OPERATOR_KEY)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(platform, settings), log_config=None, access_log=False, ws="none"
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.005)
        tell(f"{os.getpid()} {listener.getsockname()[1]}")
        loops = [replace(loop, every_seconds=EVERY_SECONDS) for loop in payment_loops(platform)]
        await asyncio.gather(serving, run_loops(loops, asyncio.Event()))


def tell(words: str) -> None:
    os.write(TOLD, f"{words}\n".encode())


def main() -> None:
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            # Whoever was to kill it may be gone.
            signal.alarm(LONGEST_LIFE_SECONDS)
            asyncio.run(live(sys.argv[1], sys.argv[2], timedelta(seconds=float(line))))
            os._exit(0)
        os.waitpid(pid, 0)
        tell("ended")


if __name__ == "__main__":
    main()
