"""Ending the weekly summary from its mail, without a session."""

import uuid
from hashlib import sha256

import httpx

from talktime.core.member import MailKind
from talktime.core.message import MessageKind, message_id_of
from talktime.ops.members import change_mail, list_members
from talktime.ops.messages import write_message
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.portal.conftest import served_pages


async def test_a_look_ends_nothing_and_one_click_does(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Opening the link asks; posting to it, as mail programs do, ends the summary."""
    account_id, secret = await make_account(), uuid.uuid4().hex
    async with platform.connection() as connection:
        [owner] = await list_members(connection, account_id)
        await change_mail(connection, account_id, owner.address, add={MailKind.WEEKLY})
        await write_message(
            connection,
            account_id=account_id,
            kind=MessageKind.WEEKLY_SUMMARY,
            ref="2026-11-23",
            recipient=owner.address,
            facts={"unsubscribe_sha256": sha256(secret.encode()).hexdigest()},
            now=platform.clock(),
        )
    told = message_id_of(account_id, MessageKind.WEEKLY_SUMMARY, "2026-11-23", owner.address)
    link = f"/unsubscribe?account={account_id}&message={told}&token="

    async def weekly() -> bool:
        async with platform.connection() as connection:
            [member] = await list_members(connection, account_id)
        return MailKind.WEEKLY in member.mail

    async with (
        served_pages(platform) as (served, _),
        httpx.AsyncClient(base_url=served.public_url, trust_env=False) as client,
    ):
        asked = await client.get(link + secret)
        assert asked.status_code == 200
        assert f"token={secret}" in asked.text
        assert (await client.post(link + "wrong")).status_code == 404
        assert (await client.post("/unsubscribe")).status_code == 404
        assert await weekly()
        done = await client.post(link + secret, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        assert owner.address in done.text
        assert not await weekly()
