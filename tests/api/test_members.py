"""Members and ways into the pages, as the platform's backend keeps them."""

import uuid
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.core.session import Session
from talktime.ops.platform import Platform
from talktime.ops.portal_access import enter
from talktime.ops.sessions import read_session
from tests.api.account_client import account_key, open_account, operator_client, problem
from tests.api.caller import running

ORIGIN = "https://app.example.com"


@pytest.fixture
async def framing(platform: Platform, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API of an installation where one site may frame the pages."""
    allowing = msgspec.structs.replace(settings, frame_origins=(ORIGIN,))
    async with running(create_app(platform, allowing)) as app, operator_client(app) as opened:
        yield opened


def fresh() -> str:
    return f"{uuid.uuid4().hex}@example.com"


async def session_of(platform: Platform, url: str) -> Session:
    """The session that a link opens."""
    now = platform.clock()
    async with platform.connection() as connection:
        entered = await enter(
            connection,
            token=url.partition("?token=")[2],
            session_secret=uuid.uuid4().hex,
            session_id=uuid.uuid4().hex,
            user_agent="",
            now=now,
        )
        found = await read_session(connection, entered.token, now=now)
    assert found is not None
    return found


async def test_members_come_and_go(client: httpx.AsyncClient) -> None:
    """Put is new once and then changes the role; delete removes; the list tells all."""
    account_id = await open_account(client)
    url, address = f"/v1/accounts/{account_id}/members", fresh()
    added = await client.put(f"{url}/{address.upper()}", json={"role": "viewer"})
    assert added.status_code == 201
    assert added.json() | {"added_at": ""} == {
        "account_id": account_id,
        "address": address,
        "role": "viewer",
        "mail": [],
        "added_at": "",
    }
    changed = await client.put(f"{url}/{address}", json={"role": "billing"})
    assert (changed.status_code, changed.json()["role"]) == (200, "billing")
    items = (await client.get(url)).json()["items"]
    assert [(one["address"], one["role"]) for one in items] == [
        (f"{account_id}@example.com", "owner"),
        (address, "billing"),
    ]
    assert (await client.delete(f"{url}/{address}")).status_code == 204
    problem(await client.delete(f"{url}/{address}"), 404, "member_unknown", "address")


@pytest.mark.parametrize(("invite", "mails"), [(True, 1), (False, 0)])
async def test_who_is_invited_is_written_to(
    client: httpx.AsyncClient, platform: Platform, *, invite: bool, mails: int
) -> None:
    """Mail goes out where the platform asks for it, once."""
    account_id, address = await open_account(client), fresh()
    for status in (201, 200):
        put = await client.put(
            f"/v1/accounts/{account_id}/members/{address}",
            json={"role": "viewer", "invite": invite},
        )
        assert put.status_code == status
    async with platform.connection() as connection:
        cursor = await connection.execute(
            b"SELECT count(*) FROM message WHERE recipient = %s", [address]
        )
        assert await cursor.fetchone() == (mails,)


async def test_the_last_owner_stays(client: httpx.AsyncClient) -> None:
    """Whichever way, an account keeps an owner."""
    account_id = await open_account(client)
    url = f"/v1/accounts/{account_id}/members/{account_id}@example.com"
    problem(await client.delete(url), 409, "last_owner", "role")
    problem(await client.put(url, json={"role": "viewer"}), 409, "last_owner", "role")


@pytest.mark.parametrize(
    ("address", "body", "field"),
    [
        ("nobody", {"role": "viewer"}, "address"),
        ("a@example.com", {"role": "king"}, "role"),
        ("a@example.com", {}, "role"),
        ("a@example.com", {"role": "viewer", "name": "Ada"}, "name"),
    ],
)
async def test_what_is_no_member(
    client: httpx.AsyncClient, address: str, body: dict[str, str], field: str
) -> None:
    """The refusal names the field."""
    account_id = await open_account(client)
    put = await client.put(f"/v1/accounts/{account_id}/members/{address}", json=body)
    problem(put, 400, "invalid_input", field)


async def test_an_unknown_account_has_no_members(client: httpx.AsyncClient) -> None:
    """Each address below it is a 404 that says so."""
    url = "/v1/accounts/acct-nobody/members"
    one = f"{url}/{fresh()}"
    for answer in (
        await client.get(url),
        await client.put(one, json={"role": "viewer"}),
        await client.put(one, json={"role": "viewer", "invite": True}),
        await client.delete(one),
    ):
        problem(answer, 404, "account_unknown")


async def test_an_accounts_key_changes_no_people(client: httpx.AsyncClient) -> None:
    """It reads its own members, changes none, and sees nobody of another account."""
    account_id, other = await open_account(client), await open_account(client)
    key = await account_key(client, account_id, ["accounts:read"])
    url = f"/v1/accounts/{account_id}/members"
    assert (await client.get(url, headers=key)).status_code == 200
    one = f"{url}/{fresh()}"
    problem(await client.put(one, json={"role": "owner"}, headers=key), 403, "forbidden")
    problem(await client.delete(one, headers=key), 403, "forbidden")
    problem(await client.get(f"/v1/accounts/{other}/members", headers=key), 403, "forbidden")


async def test_a_portal_link_opens_the_pages_once(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    """The link's token opens a session of this account, as its owner unless told otherwise."""
    account_id = await open_account(client)
    short: dict[str, object] = {"expires_in_seconds": 60, "role": "viewer"}
    for body, role in (({}, "owner"), (short, "viewer"), (None, "owner")):
        made = await client.post(f"/v1/accounts/{account_id}/portal-sessions", json=body)
        assert made.status_code == 201
        assert set(made.json()) == {"url", "expires_at"}
        assert made.json()["url"].startswith(f"{platform.public_url}/enter?token=")
        session = await session_of(platform, made.json()["url"])
        assert (session.account_id, session.role.value) == (account_id, role)
        assert (session.address, session.framed_by) == (None, None)


@pytest.mark.parametrize("seconds", [0, -1, 604_801, "60", 1.5])
async def test_a_portal_link_cannot_live_for_any_time(
    client: httpx.AsyncClient, seconds: object
) -> None:
    """From a second to a week."""
    account_id = await open_account(client)
    refused = await client.post(
        f"/v1/accounts/{account_id}/portal-sessions", json={"expires_in_seconds": seconds}
    )
    problem(refused, 400, "invalid_input", "expires_in_seconds")


@pytest.mark.parametrize("origin", [ORIGIN, f"{ORIGIN}/", ORIGIN.upper()])
async def test_a_site_that_may_frame_the_pages(
    framing: httpx.AsyncClient, platform: Platform, origin: str
) -> None:
    """An origin that the operator listed is the session's."""
    account_id = await open_account(framing)
    made = await framing.post(
        f"/v1/accounts/{account_id}/portal-sessions", json={"frame_origin": origin}
    )
    assert made.status_code == 201
    assert (await session_of(platform, made.json()["url"])).framed_by == ORIGIN


@pytest.mark.parametrize(
    "origin",
    ["", "*", "null", "https://evil.example", "http://app.example.com", f"{ORIGIN}.evil.example",
     f"{ORIGIN}:444", f"{ORIGIN}/page", f"{ORIGIN} https://evil.example", f"{ORIGIN}; x"],
)  # fmt: skip
async def test_a_site_that_may_not(framing: httpx.AsyncClient, origin: str) -> None:
    """Any other is refused, with the setting to change."""
    account_id = await open_account(framing)
    refused = await framing.post(
        f"/v1/accounts/{account_id}/portal-sessions", json={"frame_origin": origin}
    )
    told = problem(refused, 400, "invalid_input", "frame_origin")
    assert "TALKTIME_FRAME_ORIGINS" in told["detail"]
