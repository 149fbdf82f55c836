"""Ending a kind of mail from the mail itself, without a session."""

from urllib.parse import urlsplit

import httpx
import pytest

from talktime.core.member import MailKind, Role
from talktime.core.message import MessageKind, message_id_of
from talktime.core.unsubscribing import UNSUBSCRIBE_KEY, unsubscribe_link
from talktime.db.messages import read_message
from talktime.ops.members import add_member, change_mail, list_members
from talktime.ops.messages import write_message
from talktime.ops.platform import Platform
from tests.conftest import AccountFactory
from tests.portal.conftest import served_pages


@pytest.mark.parametrize(
    ("kind", "choice", "ends"),
    [
        (MessageKind.BELOW_WARNING, MailKind.ALERTS, "a low balance|auto-reload|a card|a webhook"),
        (MessageKind.COUPON_REDEEMED, MailKind.MONEY_IN, "coupons|top-ups|refunds|statements"),
        (MessageKind.WEEKLY_SUMMARY, MailKind.WEEKLY, "what the week cost"),
    ],
)
async def test_a_look_ends_nothing_and_one_click_does(
    platform: Platform, make_account: AccountFactory, kind: MessageKind, choice: MailKind, ends: str
) -> None:
    """Opening the link asks and says all that would end; posting to it, as mail programs do, ends
    the choice that brought the mail, for its reader alone; another reader's link ends nothing of
    theirs."""
    account_id = await make_account()
    links = {}
    async with platform.connection() as connection:
        [owner] = await list_members(connection, account_id)
        other = f"b{owner.address}"
        await add_member(
            connection, account_id=account_id, address=other, role=Role.OWNER, now=platform.clock()
        )
        for address in (owner.address, other):
            await change_mail(connection, account_id, address, add=set(MailKind))
            await write_message(
                connection,
                account_id=account_id,
                kind=kind,
                ref="7",
                recipient=address,
                facts={UNSUBSCRIBE_KEY: "of both"},
                now=platform.clock(),
            )
            key = (account_id, message_id_of(account_id, kind, "7", address))
            message = await read_message(connection, key)
            assert message is not None
            link = urlsplit(unsubscribe_link(message, public_url="https://talktime.test"))
            links[address] = f"{link.path}?{link.query}"

    async def chosen() -> dict[str, frozenset[MailKind]]:
        async with platform.connection() as connection:
            return {one.address: one.mail for one in await list_members(connection, account_id)}

    everything = frozenset(MailKind)
    mine, theirs = links[owner.address], links[other]
    async with (
        served_pages(platform) as (served, _),
        httpx.AsyncClient(base_url=served.public_url, trust_env=False) as client,
    ):
        asked = await client.get(mine)
        assert asked.status_code == 200
        assert owner.address in asked.text
        assert all(words in asked.text for words in ends.split("|"))
        swapped = mine.partition("token=")[0] + "token=" + theirs.partition("token=")[2]
        for wrong in (swapped, mine + "0", "/unsubscribe"):
            assert (await client.get(wrong)).status_code == 404
            assert (await client.post(wrong)).status_code == 404
        assert await chosen() == {owner.address: everything, other: everything}
        for _ in range(2):
            done = await client.post(mine, data={"List-Unsubscribe": "One-Click"})
            assert done.status_code == 200
            assert owner.address in done.text
        assert await chosen() == {owner.address: everything - {choice}, other: everything}
