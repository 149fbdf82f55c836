"""Reading keeps no call waiting."""

import asyncio

import httpx
import msgspec

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.db.pool import open_pool
from talktime.ops.platform import Platform
from tests.api.caller import OPERATOR_KEY, running
from tests.conftest import AccountFactory
from tests.in_process import in_process


async def test_a_crowd_of_readers_keeps_no_call_waiting(
    platform: Platform, database_url: str, settings: Settings, make_account: AccountFactory
) -> None:
    """While every connection for reading is taken, calls start, report and end, and we are well."""
    account_id = await make_account(paid="5")
    async with open_pool(database_url, size=1) as pool:
        aside = msgspec.structs.replace(platform, pool=pool)
        async with (
            running(create_app(platform, settings, aside=aside)) as app,
            httpx.AsyncClient(transport=in_process(app), base_url="http://api.test") as client,
        ):
            headers = {"authorization": f"Bearer {OPERATOR_KEY}"}
            async with aside.connection(), asyncio.timeout(5):
                reading = asyncio.create_task(
                    client.get(f"/v1/accounts/{account_id}/calls", headers=headers)
                )
                body = {"account_id": account_id, "call_id": "CA1", "channel": "web"}
                started = await client.post("/v1/calls", json=body, headers=headers)
                assert started.status_code == 201
                ended = await client.post(
                    f"/v1/accounts/{account_id}/calls/CA1/end",
                    json={"outcome": "completed"},
                    headers=headers,
                )
                assert ended.status_code == 200
                assert (await client.get("/healthz")).status_code == 200
                assert not reading.done()
            assert (await reading).status_code == 200
