"""Talk time left, as the page and the mail tell it."""

from decimal import Decimal
from secrets import token_urlsafe

import pytest

from talktime.core.message import MessageKind
from talktime.core.money import format_usd
from talktime.core.ratecard import Channel
from talktime.core.talk_time import lasts_ms
from talktime.db.pool import Connection
from talktime.ops.billing import read_billing
from talktime.ops.messages import list_messages, relay_messages, write_message
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory


async def warned(
    platform: Platform, connection: Connection, bots: Bots, floor: str
) -> dict[str, str]:
    """The facts about talk time in a warning of the account's balance as it stands."""
    now = platform.clock()
    billing = await read_billing(connection, bots.account_id, now=now)
    available = format_usd(billing.account.available_nanos)
    await write_message(
        connection, account_id=bots.account_id, kind=MessageKind.BELOW_WARNING, ref=floor,
        recipient=None, facts={"available": available, "floor": floor}, now=now,
    )  # fmt: skip
    while (
        await relay_messages(connection, new_secret=token_urlsafe, now=now, limit=500)
    ).taken == 500:
        pass
    found = await list_messages(connection, account_id=bots.account_id, state=None, limit=50)
    [message] = [one for one in found if one.ref == floor and one.recipient is not None]
    return {name: text for name, text in message.facts.items() if name.startswith("talk_time")}


async def test_the_mail_tells_what_the_page_tells(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """Mail and page go by the same calls and the same money: that of the most used agent, with
    what is set aside for a running call left out; below the floor no time is left."""
    bots = Bots(platform, await make_account(paid="5"))
    assert await warned(platform, connection, bots, "0.01") == {}
    for nth in range(3):
        await bots.call(f"CA{nth}", *MINUTE_BY_PHONE[:3], agent_id="sales", channel=Channel.WEB)
    await bots.call("CA9", *MINUTE_BY_PHONE, agent_id="dear", channel=Channel.PHONE)
    await bots.start("running")
    billing = await read_billing(connection, bots.account_id, now=platform.clock())
    account, pace = billing.account, billing.paces[0]
    assert (pace.agent_id, pace.calls) == ("sales", 3)
    assert account.held_nanos > 0
    told = {"talk_time_seconds": str(pace.ms_left(account.startable_nanos) // 1000)}
    assert await warned(platform, connection, bots, "0.10") == told
    assert await warned(platform, connection, bots, "50") == {"talk_time_seconds": "0"}


async def test_chats_are_counted_in_mail_too(
    platform: Platform, connection: Connection, make_account: AccountFactory
) -> None:
    """Where the most used agent chats, the mail counts chats, as the page does."""
    bots = Bots(platform, await make_account(paid="5"))
    await bots.call("CA1", MINUTE_BY_PHONE[0], agent_id="helper", channel=Channel.CHAT)
    billing = await read_billing(connection, bots.account_id, now=platform.clock())
    chats = billing.paces[0].calls_left(billing.account.startable_nanos)
    assert await warned(platform, connection, bots, "0.10") == {"talk_time_chats": str(chats)}


@pytest.mark.parametrize(
    ("spendable", "charge", "duration", "left"),
    [("1", "0.5", 60_000, 120_000), ("-1", "0.5", 60_000, 0), ("1", "0", 60_000, None)],
)
def test_how_long_money_lasts(spendable: str, charge: str, duration: int, left: int | None) -> None:
    """Money lasts as long as what the calls took for the same money; debts last no time."""
    spendable_nanos, charge_nanos = (int(Decimal(one) * 10**9) for one in (spendable, charge))
    assert lasts_ms(spendable_nanos, charge_nanos=charge_nanos, duration_ms=duration) == left
