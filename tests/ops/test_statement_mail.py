"""Word of a new statement: on the account's morning of the first, once, to those who chose it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from msgspec.structs import replace

from talktime.core.member import MailKind
from talktime.core.message import Message, MessageKind
from talktime.gateways.mail.composing import compose_mail, sender_of
from talktime.ops.accounts import AccountChange, change_account, create_account, read_account
from talktime.ops.adjustments import post_adjustment
from talktime.ops.members import change_mail, list_members
from talktime.ops.messages import list_messages
from talktime.ops.platform import Platform
from talktime.ops.statement_mail import due_month, write_statement_mails

OPENED = datetime(2031, 3, 10, 12, tzinfo=UTC)
FIRST = datetime(2031, 4, 1, tzinfo=UTC)


async def opened(platform: Platform, *, moved: bool = True) -> str:
    """An account opened in March, whose owner hears of money in, with a correction of $5."""
    account_id = f"acct-{uuid4().hex}"
    async with platform.connection() as connection:
        await create_account(
            connection,
            account_id=account_id,
            name="Ada's Bots",
            email=f"{account_id}@example.com",
            verified=False,
            terms=platform.terms,
            now=OPENED,
        )
        if moved:
            await post_adjustment(
                connection,
                account_id=account_id,
                adjustment_id="a",
                promo_nanos=0,
                paid_nanos=5 * 10**9,
                reason="for a test",
                terms=platform.terms,
                now=OPENED,
            )
    return account_id


async def told(platform: Platform, account_id: str, now: datetime) -> list[Message]:
    """What there is of them after a round at that time."""
    async with platform.connection() as connection:
        before = account_id[:-1]
        await write_statement_mails(
            connection, after=before, public_url="https://talktime.test", now=now
        )
        found = await list_messages(connection, account_id=account_id, state=None, limit=50)
    return [message for message in found if message.kind is MessageKind.STATEMENT_READY]


async def test_told_once_on_the_first(platform: Platform) -> None:
    """On the morning of the first a mail leads to the statement of the month before, once; not
    before, and not two days later."""
    account_id = await opened(platform)
    for early_or_late in (FIRST + timedelta(hours=7), FIRST + timedelta(days=2, hours=8)):
        assert await told(platform, account_id, early_or_late) == []
    [message] = await told(platform, account_id, FIRST + timedelta(hours=8))
    assert await told(platform, account_id, FIRST + timedelta(hours=30)) == [message]
    assert message.ref == "2031-03"
    assert (message.facts["opening"], message.facts["closing"]) == ("0", "5")
    assert message.facts["link"] == "https://talktime.test/billing/statements/2031-03"


async def test_said_in_a_mail(platform: Platform) -> None:
    """The mail says what moved the balance, and has the link."""
    account_id = await opened(platform)
    [message] = await told(platform, account_id, FIRST + timedelta(hours=9))
    mail = compose_mail(
        replace(message, recipient="ada@example.com"),
        sender=sender_of("t@talktime.test"),
        public_url="https://talktime.test",
    )
    body = mail.get_body(("plain",))
    assert body is not None
    text = str(body.get_content())
    for words in ("March 2031", "Opening balance", "$0.00", "$5.00", message.facts["link"]):
        assert words in text


async def test_nobody_else_is_told(platform: Platform) -> None:
    """Where nothing moved, where the month was before the account, or where nobody chose mail of
    money in, there is no mail."""
    quiet = await opened(platform, moved=False)
    assert await told(platform, quiet, FIRST + timedelta(hours=9)) == []
    account_id = await opened(platform)
    march = datetime(2031, 3, 1, 9, tzinfo=UTC)
    assert await told(platform, account_id, march) == []
    async with platform.connection() as connection:
        [owner] = await list_members(connection, account_id)
        await change_mail(connection, account_id, owner.address, drop={MailKind.MONEY_IN})
    assert await told(platform, account_id, FIRST + timedelta(hours=9)) == []


async def test_the_first_is_the_accounts_own(platform: Platform) -> None:
    """The morning is that of the account's zone, from the day before to a day after in UTC."""
    account_id = await opened(platform)
    for zone, due in (("Pacific/Kiritimati", -6), ("Pacific/Pago_Pago", 19)):
        async with platform.connection() as connection:
            await change_account(
                connection,
                account_id,
                AccountChange(time_zone=zone),
                now=OPENED - timedelta(days=40),
            )
            account = await read_account(connection, account_id, now=OPENED)
        at = FIRST + timedelta(hours=due)
        assert due_month(account, now=at - timedelta(minutes=1)) is None
        assert due_month(account, now=at) == datetime(2031, 3, 1, tzinfo=UTC).date()
