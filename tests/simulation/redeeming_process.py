"""Redeems every coupon for every account over several connections, telling each use, until killed.

Run as ``python redeeming_process.py CONNINFO SEED < pairs``, a pair being "account code" on a line.
"""

import asyncio
import random
import sys

from talktime.core.errors import Conflict
from talktime.ops.coupons import redeem_coupon
from talktime.ops.platform import Platform, open_platform
from talktime.ops.terms import Terms

CONNECTIONS = 8


async def redeem(platform: Platform, waiting: list[tuple[str, str]]) -> None:
    while waiting:
        account_id, code = waiting.pop()
        async with platform.connection() as connection:
            try:
                await redeem_coupon(
                    connection,
                    account_id=account_id,
                    code=code,
                    terms=platform.terms,
                    now=platform.clock(),
                )
            except Conflict:  # redeemed before, or used up
                continue
        print(account_id, code, flush=True)


async def main() -> None:
    waiting = [(pair.split()[0], pair.split()[1]) for pair in sys.stdin]
    random.Random(sys.argv[2]).shuffle(waiting)
    async with open_platform(
        sys.argv[1], terms=Terms(), public_url="https://t.test", pool_size=CONNECTIONS
    ) as platform:
        await asyncio.gather(*(redeem(platform, waiting) for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    asyncio.run(main())
