"""Signing in by a link sent to an e-mail address; there are no passwords.

Whoever uses a link shows that the address is theirs. A link works once and for LINK_LIFE, and only
a hash of its secret is kept. Looking at a link uses nothing up: mail scanners do it, too.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from talktime.core.address import check_address, normal_address, sign_in_address
from talktime.core.errors import Forbidden, LinkUsed, TooManyAttempts
from talktime.core.member import Role
from talktime.core.message import MessageKind
from talktime.core.secret import sha256_of
from talktime.core.session import Membership, Session
from talktime.db import members, sign_in
from talktime.db.pool import Connection
from talktime.ops.accounts import create_account, read_account, verify_account
from talktime.ops.guesses import (
    GuessLimit,
    forget_attempt,
    is_within,
    one_guess,
    take_attempt,
)
from talktime.ops.messages import write_message
from talktime.ops.sessions import close_session, open_session
from talktime.ops.terms import Terms
from talktime.ops.welcomes import network_of, welcome_terms

LINK_LIFE: Final = timedelta(minutes=15)
VALID_FOR: Final = "15 minutes"
ACCOUNTS_MAX: Final = 100
"""Accounts shown to somebody who chooses."""

LINKS_TO_ADDRESS: Final = GuessLimit(
    kind="link_to_address",
    most=5,
    window=timedelta(minutes=15),
    refusal="we have sent several links to this address just now; look into its mail, the spam "
    "folder too, or wait a little and ask again",
    field="address",
)
LINKS_TO_MAILBOX: Final = GuessLimit(
    kind="link_to_mailbox",
    most=10,
    window=timedelta(hours=1),
    refusal=LINKS_TO_ADDRESS.refusal,
    field="address",
)
"""This and LINKS_TO_ADDRESS go by the normal form: one mailbox may have any number of spellings."""
LINK_AT_ALL: Final = GuessLimit(
    kind="link_at_all",
    most=1,
    window=LINK_LIFE,
    refusal=LINKS_TO_ADDRESS.refusal,
    field="address",
)
"""The link that the limits of its mailbox do not keep from an address, so that nobody who asks for
links to somebody else's shuts its owner out. Its window lasts as long as the link does."""
LINKS_FOR_CLIENT: Final = GuessLimit(
    kind="link_for_client",
    most=30,
    window=timedelta(minutes=15),
    refusal="many links were asked for from your network just now; wait a little and ask again",
    field="address",
)
LINKS_FOR_NETWORK: Final = GuessLimit(
    kind="link_for_network",
    most=90,
    window=timedelta(minutes=15),
    refusal=LINKS_FOR_CLIENT.refusal,
    field="address",
)
"""A site with IPv6 has 65,536 of the networks that clients are counted by."""
WRONG_LINKS: Final = GuessLimit(
    kind="wrong_link",
    most=30,
    window=timedelta(minutes=10),
    refusal="too many links that do not work were opened from your network; wait a little, then "
    "ask for a new link",
)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What using a link would bring."""

    address: str
    next_path: str
    accounts: list[Membership]
    """Empty: nobody knows the address yet."""


class Browser(msgspec.Struct, frozen=True, kw_only=True):
    """The browser in which a session begins; what is secret or names it is of the edge's making."""

    client: str
    """The network it comes from, by which attempts are counted."""
    user_agent: str
    session_secret: str
    session_id: str
    former: str
    """The token of a session that the new one takes the place of, or ''."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A session that a person has begun."""

    token: str
    next_path: str
    is_without_bonus: bool = False
    """The account was verified on a day whose welcome bonuses were given out before."""


async def ask_for_link(
    connection: Connection,
    *,
    address: str,
    client: str,
    next_path: str,
    secret: str,
    public_url: str,
    sign_up_open: bool,
    now: datetime,
) -> None:
    """Send a link to an address that is a member's or may become one's; tells nobody which.

    Raises InvalidInput for what is no e-mail address, TooManyAttempts.
    """
    known_as = sign_in_address(check_address(address, field="address"))
    await take_attempt(connection, LINKS_FOR_CLIENT, client, now=now)
    await take_attempt(connection, LINKS_FOR_NETWORK, network_of(client), now=now)
    is_within_limits = await _count_link(connection, known_as, now=now)
    async with connection.transaction():
        is_member = bool(await members.memberships(connection, known_as, limit=1))
        # Kept in any case, so that an address that nobody knows takes about as long.
        await sign_in.write_link(
            connection,
            secret_sha256=sha256_of(secret),
            address=known_as,
            next_path=next_path,
            now=now,
            expires_at=now + LINK_LIFE,
        )
        # Spellings that nobody is known by are without number, and must not fill a mailbox. Nothing
        # tells them from a member's: the answer is the same.
        may_sign_up = sign_up_open and (is_within_limits or known_as == normal_address(known_as))
        if is_member or may_sign_up:
            await write_message(
                connection,
                account_id="",
                kind=MessageKind.SIGN_IN if is_member else MessageKind.SIGN_UP,
                ref=sha256_of(secret).hex(),
                # Never the address as typed: the link is for whoever is known by this one.
                recipient=known_as,
                facts={
                    "link": f"{public_url}/sign-in/link?token={secret}",
                    "valid_for": VALID_FOR,
                },
                now=now,
            )


async def read_offer(connection: Connection, token: str, *, client: str, now: datetime) -> Offer:
    """What a link would bring; uses nothing up. Raises LinkUsed, TooManyAttempts."""
    async with one_guess(connection, WRONG_LINKS, client, wrong=LinkUsed, now=now):
        link = await sign_in.read_link(connection, secret_sha256=sha256_of(token), now=now)
        if link is None:
            raise _link_used()
    accounts = await members.memberships(connection, link.address, limit=ACCOUNTS_MAX)
    return Offer(address=link.address, next_path=link.next_path, accounts=accounts)


async def sign_in_by_link(
    connection: Connection,
    *,
    token: str,
    account_id: str,
    browser: Browser,
    terms: Terms,
    now: datetime,
) -> Begun:
    """Use a link up and open a session on one of the person's accounts.

    An account that was not verified is, once its own address signs in as owner, with the welcome
    bonus (R9). Raises LinkUsed, TooManyAttempts, Forbidden where the person is no member there; the
    link is good for another try then.
    """
    # A link that does not work is counted before the transaction that its refusal rolls back.
    await read_offer(connection, token, client=browser.client, now=now)
    async with connection.transaction():
        link = await _use_up(connection, token, now=now)
        role = await _role(connection, account_id, link.address)
        given = terms
        if role is Role.OWNER:
            account = await read_account(connection, account_id, now=now)
            if not account.verified and sign_in_address(account.email) == link.address:
                given = await welcome_terms(
                    connection, terms, address=link.address, client=browser.client, now=now
                )
                await verify_account(connection, account, terms=given, now=now)
        session = await _begin(connection, account_id, link.address, browser, now=now)
    return Begun(token=session, next_path=link.next_path, is_without_bonus=given != terms)


async def sign_up_by_link(
    connection: Connection,
    *,
    token: str,
    account_id: str,
    name: str,
    sign_up_open: bool,
    browser: Browser,
    terms: Terms,
    now: datetime,
) -> Begun:
    """Use a link up, open an account, verified, with the person as its owner, and a session on it.

    ``account_id`` is of the caller's making. Raises InvalidInput for a name that is none, LinkUsed,
    TooManyAttempts, Forbidden where people may not sign up by themselves.
    """
    if not sign_up_open:
        raise Forbidden("new accounts are not opened here by oneself; ask your platform for one")
    # A link that does not work is counted before the transaction that its refusal rolls back.
    await read_offer(connection, token, client=browser.client, now=now)
    async with connection.transaction():
        link = await _use_up(connection, token, now=now)
        given = await welcome_terms(
            connection, terms, address=link.address, client=browser.client, now=now
        )
        await create_account(
            connection,
            account_id=account_id,
            name=name,
            email=link.address,
            verified=True,
            terms=given,
            now=now,
        )
        session = await _begin(connection, account_id, link.address, browser, now=now)
    return Begun(token=session, next_path=link.next_path, is_without_bonus=given != terms)


async def list_memberships(connection: Connection, address: str) -> list[Membership]:
    """The accounts that a person may choose from, by name."""
    return await members.memberships(connection, address, limit=ACCOUNTS_MAX)


async def switch_account(
    connection: Connection, session: Session, *, account_id: str, browser: Browser, now: datetime
) -> Begun:
    """Go on in another of the person's accounts, in a session of its own.

    Raises Forbidden where the session is no person's, or the person is no member there.
    """
    if session.address is None:
        raise Forbidden("your platform's link opens one account; sign in by e-mail to see others")
    async with connection.transaction():
        await _role(connection, account_id, session.address)
        token = await _begin(connection, account_id, session.address, browser, now=now)
    return Begun(token=token, next_path="")


async def _count_link(connection: Connection, address: str, *, now: datetime) -> bool:
    """Whether a link is within its mailbox's limits; what has no live link may go beyond them.

    Raises TooManyAttempts where it is neither.
    """
    has_none = await is_within(connection, LINK_AT_ALL, address, now=now)
    mailbox = normal_address(address)
    try:
        await take_attempt(connection, LINKS_TO_ADDRESS, mailbox, now=now)
        await take_attempt(connection, LINKS_TO_MAILBOX, mailbox, now=now)
    except TooManyAttempts:
        if has_none:
            return False
        raise
    return True


async def _use_up(connection: Connection, token: str, *, now: datetime) -> sign_in.SentLink:
    """The link, which then is none any more, and its address may be sent another at once."""
    link = await sign_in.use_link(connection, secret_sha256=sha256_of(token), now=now)
    if link is None:
        raise _link_used()
    await forget_attempt(connection, LINK_AT_ALL, link.address, now=now)
    return link


async def _role(connection: Connection, account_id: str, address: str) -> Role:
    for member in await members.list_members(connection, account_id):
        if member.address == address:
            return member.role
    # The same words whether there is such an account or not.
    raise Forbidden("you are not a member of this account; ask one of its owners to invite you")


async def _begin(
    connection: Connection, account_id: str, address: str, browser: Browser, *, now: datetime
) -> str:
    """The token of a new session in the place of the browser's former one."""
    if browser.former:
        await close_session(connection, browser.former)
    return await open_session(
        connection,
        account_id=account_id,
        address=address,
        role=None,
        secret=browser.session_secret,
        session_id=browser.session_id,
        user_agent=browser.user_agent,
        now=now,
    )


def _link_used() -> LinkUsed:
    return LinkUsed(
        "this link was used before or has expired; a link works once and for 15 minutes"
    )
