"""Settings, People: members, roles and sessions over HTTP."""

import re
import secrets
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
from litestar import Litestar

from talktime.core.member import Role
from talktime.ops.members import add_member, list_members
from talktime.ops.platform import Platform
from talktime.ops.portal_access import create_portal_link
from talktime.portal.access.devices import device_words
from talktime.portal.visiting import COOKIE
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.portal.conftest import browser_of, new_link
from tests.portal.test_sign_in import come_in, form_token, fresh

PEOPLE = "/settings/people"


@pytest.fixture
def address() -> str:
    return fresh()


@pytest.fixture
async def account_id(make_account: AccountFactory, address: str) -> str:
    return await make_account(email=address, paid="5")


@pytest.fixture
async def owner(
    visitor: httpx.AsyncClient, platform: Platform, account_id: str, address: str
) -> httpx.AsyncClient:
    """The browser of the account's owner."""
    await come_in(visitor, platform, address)
    return visitor


@pytest.fixture
async def other(app: Litestar, platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """A second browser, not signed in."""
    async with browser_of(app, platform) as client:
        yield client


async def send(browser: httpx.AsyncClient, what: str, **fields: str) -> httpx.Response:
    """Send a form of the page."""
    return await browser.post(
        f"{PEOPLE}/{what}", data={"form_token": await form_token(browser), **fields}
    )


async def roles(platform: Platform, account_id: str) -> dict[str, Role]:
    async with platform.connection() as connection:
        return {one.address: one.role for one in await list_members(connection, account_id)}


async def add(platform: Platform, account_id: str, address: str, role: Role) -> None:
    async with platform.connection() as connection:
        await add_member(
            connection, account_id=account_id, address=address, role=role, now=platform.clock()
        )


async def test_inviting(
    owner: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, account_id: str
) -> None:
    """Who is invited is a member at once, and comes in by an ordinary link."""
    guest = fresh()
    answer = await send(owner, "invite", address=f" {guest.upper()} ", role="billing")
    assert answer.headers["location"] == f"{PEOPLE}?done=invited&who={quote(guest)}"
    assert (await roles(platform, account_id))[guest] is Role.BILLING
    page = (await owner.get(answer.headers["location"])).text
    assert f"{guest}: Invited." in page
    strange = await owner.get(f"{PEOPLE}?done=invited&who=nobody@example.com")
    assert "nobody@example.com" not in strange.text
    assert guest in page
    assert (await come_in(other, platform, guest)).status_code == 303
    again = await send(owner, "invite", address=guest, role="billing")
    assert again.headers["location"] == f"{PEOPLE}?done=known&who={quote(guest)}"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"address": "nobody", "role": "viewer"}, 400),
        ({"address": "", "role": "viewer"}, 400),
        ({"address": "a@example.com", "role": "king"}, 400),
        ({"address": "a@example.com"}, 400),
    ],
)
async def test_an_invitation_that_is_none(
    owner: httpx.AsyncClient,
    platform: Platform,
    account_id: str,
    fields: dict[str, str],
    status: int,
) -> None:
    """What is wrong is said beside the form, which keeps what was entered."""
    answer = await send(owner, "invite", **fields)
    assert answer.status_code == status
    assert 'id="address-error"' in answer.text
    assert f'value="{fields["address"]}"' in answer.text
    assert len(await roles(platform, account_id)) == 1


async def test_a_changed_role_acts_at_once(
    owner: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, account_id: str
) -> None:
    """A page that is open can do no more than the new role allows."""
    await add(platform, account_id, guest := fresh(), Role.OWNER)
    await come_in(other, platform, guest)
    assert "Invite somebody" in (await other.get(PEOPLE)).text
    await send(owner, "role", address=guest, role="viewer")
    assert "Invite somebody" not in (await other.get(PEOPLE)).text
    assert (await send(other, "invite", address=fresh(), role="owner")).status_code == 403


async def test_a_removed_member_is_out(
    owner: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, account_id: str
) -> None:
    """Their session is closed, not only their name taken off the list."""
    await add(platform, account_id, guest := fresh(), Role.VIEWER)
    await come_in(other, platform, guest)
    await send(owner, "remove", address=guest)
    assert guest not in await roles(platform, account_id)
    assert (await other.get(PEOPLE)).status_code == 401


async def test_leaving_an_account(
    other: httpx.AsyncClient, platform: Platform, account_id: str
) -> None:
    """A viewer may remove themselves, and nobody else."""
    await add(platform, account_id, guest := fresh(), Role.VIEWER)
    await come_in(other, platform, guest)
    answer = await send(other, "remove", address=guest)
    assert "You are signed out" in answer.text
    assert guest not in await roles(platform, account_id)


async def test_the_last_owner_stays(
    owner: httpx.AsyncClient, platform: Platform, account_id: str, address: str
) -> None:
    """The page has no control for it, and says why where somebody tries all the same."""
    page = (await owner.get(PEOPLE)).text
    assert "an account keeps one" in page
    for answer in (
        await send(owner, "remove", address=address),
        await send(owner, "role", address=address, role="viewer"),
    ):
        assert answer.status_code == 409
        assert "make somebody else an owner first" in answer.text
    assert await roles(platform, account_id) == {address: Role.OWNER}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.BILLING])
async def test_who_administers(
    other: httpx.AsyncClient, platform: Platform, account_id: str, address: str, role: Role
) -> None:
    """Neither viewers nor billing change people, whatever forms they make."""
    await add(platform, account_id, guest := fresh(), role)
    await come_in(other, platform, guest)
    for what, fields in (
        ("invite", {"address": fresh(), "role": "owner"}),
        ("role", {"address": guest, "role": "owner"}),
        ("remove", {"address": address}),
    ):
        answer = await send(other, what, **fields)
        assert answer.status_code == 403
        assert role.value in answer.text
    assert await roles(platform, account_id) == {address: Role.OWNER, guest: role}


async def test_people_are_of_their_account(
    owner: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """An owner reaches nobody on another account, and sees nobody of it."""
    theirs = fresh()
    elsewhere = await make_account(email=theirs)
    await add(platform, elsewhere, second := fresh(), Role.OWNER)
    assert theirs not in (await owner.get(PEOPLE)).text
    assert (await send(owner, "remove", address=second)).status_code == 404
    assert (await send(owner, "role", address=second, role="viewer")).status_code == 404
    assert await roles(platform, elsewhere) == {theirs: Role.OWNER, second: Role.OWNER}


@pytest.mark.parametrize("what", ["invite", "role", "remove", "sessions/end", "sessions/end-all"])
async def test_forms_are_our_own(owner: httpx.AsyncClient, what: str) -> None:
    """A form of another site does nothing."""
    for token in ("", "guessed"):
        answer = await owner.post(f"{PEOPLE}/{what}", data={"form_token": token})
        assert answer.status_code == 403
    assert (await owner.get(PEOPLE)).status_code == 200


def sessions_on(page: str) -> list[str]:
    return re.findall(r'name="session_id" value="(\w+)"', page)


async def test_sessions_are_listed_and_closed(
    owner: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, address: str
) -> None:
    """Each device is named, this one marked, and another one can be signed out from here."""
    other.headers["user-agent"] = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1"
    )
    await come_in(other, platform, address)
    page = (await owner.get(PEOPLE)).text
    assert "Safari on iPhone" in page
    mine, theirs = sessions_on(page)
    assert page.index("This one") < page.index("Safari on iPhone")
    assert owner.cookies[COOKIE].partition(".")[2] not in page
    answer = await send(owner, "sessions/end", session_id=theirs)
    assert answer.headers["location"] == f"{PEOPLE}?done=ended"
    assert (await other.get(PEOPLE)).status_code == 401
    assert "You are signed out" in (await send(owner, "sessions/end", session_id=mine)).text
    assert (await owner.get(PEOPLE)).status_code == 401


async def test_signing_out_everywhere(
    owner: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, address: str
) -> None:
    """One button closes the person's sessions in every browser."""
    await come_in(other, platform, address)
    assert "You are signed out" in (await send(owner, "sessions/end-all")).text
    for browser in (owner, other):
        assert (await browser.get(PEOPLE)).status_code == 401


async def test_sessions_of_others_are_out_of_reach(
    owner: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, account_id: str
) -> None:
    """Nobody sees or closes a session of somebody else, or one that the platform's link opened."""
    await other.get(await new_link(platform, account_id))
    [theirs] = sessions_on((await other.get(PEOPLE)).text)
    assert theirs not in (await owner.get(PEOPLE)).text
    await send(owner, "sessions/end", session_id=theirs)
    await send(owner, "sessions/end-all")
    assert (await other.get(PEOPLE)).status_code == 200


async def test_the_platforms_sessions_close_together(
    customer: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """Signing out everywhere from a platform's link closes all sessions of such links."""
    await other.get(await new_link(platform, bots.account_id))
    assert len(sessions_on((await other.get(PEOPLE)).text)) == 2
    await send(customer, "sessions/end-all")
    assert (await other.get(PEOPLE)).status_code == 401


async def test_a_link_that_may_only_look_reaches_its_own_session(
    customer: httpx.AsyncClient, other: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """A viewer's link shows and closes no session but its own, whatever the browser sends."""
    async with platform.connection() as connection:
        token, _ = await create_portal_link(
            connection,
            account_id=bots.account_id,
            secret=secrets.token_urlsafe(32),
            role=Role.VIEWER,
            now=platform.clock(),
        )
    await other.get(f"/enter?token={token}")
    [mine] = sessions_on((await other.get(PEOPLE)).text)
    owners, viewers = sessions_on((await customer.get(PEOPLE)).text)
    assert mine == viewers
    assert (await send(other, "sessions/end", session_id=owners)).status_code == 403
    assert (await customer.get(PEOPLE)).status_code == 200
    assert "You are signed out" in (await send(other, "sessions/end-all")).text
    assert (await other.get(PEOPLE)).status_code == 401
    assert (await customer.get(PEOPLE)).status_code == 200


async def test_a_member_finds_the_way_out(
    other: httpx.AsyncClient, platform: Platform, account_id: str
) -> None:
    """Who may not administer sees a button to leave, in their own row alone; it leads out."""
    await add(platform, account_id, guest := fresh(), Role.VIEWER)
    await come_in(other, platform, guest)
    page = (await other.get(PEOPLE)).text
    assert page.count("settings/people/remove") == 1
    assert f'name="address" value="{guest}"' in page
    assert "Leave<" in page
    await send(other, "remove", address=guest)
    assert guest not in await roles(platform, account_id)


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36",
            "Chrome on Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) SamsungBrowser/27 Chrome/125 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        ("curl/8.5", "curl"),
        ("<script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_device_words(user_agent: str, words: str) -> None:
    """A browser is named as people name it."""
    assert device_words(user_agent) == words
