"""API keys on the customer's pages: made, shown once, used, revoked; each account's own alone."""

import re
import secrets
from html import unescape

import httpx
import pytest
from litestar import Litestar

from talktime.core.errors import Conflict
from talktime.core.member import Role
from talktime.core.message import MessageKind
from talktime.ops.keys import (
    LIVE_KEYS_MAX,
    SECRET_BYTES,
    USE_NOTED_EVERY,
    Key,
    create_key,
    list_account_keys,
    parse_key,
    revoke_key,
    verify_key,
)
from talktime.ops.platform import Platform
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.portal.settings_desk import add_person, browser_of, hidden, send

PAGE = "/settings/keys"
READS = {"name": "Books", "scope:accounts:read": "on", "scope:calls:read": "on"}


async def keys_of(platform: Platform, account_id: str) -> list[Key]:
    async with platform.connection() as connection:
        return await list_account_keys(connection, account_id)


async def make_key(platform: Platform, account_id: str, name: str = "Books") -> str:
    """A key made by the operator; its id."""
    async with platform.connection() as connection:
        key = await create_key(
            connection,
            account_id=account_id,
            key_id=secrets.token_hex(8),
            secret=secrets.token_bytes(SECRET_BYTES),
            name=name,
            scopes={"calls:read"},
            now=platform.clock(),
        )
    return key.key_id


def shown_key(page: str) -> str:
    found = re.search(r'id="new-key" value="([^"]+)"', page)
    assert found is not None
    return unescape(found[1])


async def test_a_key_is_shown_once_and_works(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The answer has the key and a first command; no later page has it; it is what it says."""
    platform = bots.platform
    assert "No keys yet." in (await customer.get(PAGE)).text
    answer = await send(customer, PAGE, PAGE, **READS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    text = shown_key(answer.text)
    command = f"Authorization: Bearer {text}"
    assert command in unescape(answer.text)
    assert f"{platform.public_url}/v1/accounts/{bots.account_id}" in answer.text
    presented = parse_key(text)
    assert presented is not None
    async with platform.connection() as connection:
        key = await verify_key(connection, presented, now=platform.clock())
    assert key is not None
    assert (key.account_id, key.name) == (bots.account_id, "Books")
    assert key.scopes == {"accounts:read", "calls:read"}
    later = (await customer.get(PAGE)).text
    assert text not in later
    assert text[-64:] not in later
    for words in ("Books", "Read the balance, read calls", key.key_id):
        assert words in later


async def test_the_form_sent_again_makes_no_second_key(
    customer: httpx.AsyncClient, bots: Bots
) -> None:
    """A reload of the answer says that the key was made, and shows none."""
    page = (await customer.get(PAGE)).text
    fields = {**READS, "key_id": hidden(page, "key_id")}
    first = await send(customer, PAGE, PAGE, **fields)
    again = await send(customer, PAGE, PAGE, **fields)
    assert (again.status_code, "This key was made already" in again.text) == (409, True)
    assert shown_key(first.text) not in again.text
    assert len(await keys_of(bots.platform, bots.account_id)) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "  ", "scope:calls:read": "on"}, "Name the program"),
        ({"name": "x" * 101, "scope:calls:read": "on"}, "1 to 100 characters"),
        ({"name": "a\u202eb", "scope:calls:read": "on"}, "1 to 100 characters"),
        ({"name": "=?utf-8?q?=0D=0AB?=", "scope:calls:read": "on"}, "must not have =? in it"),
        ({"name": "Books"}, "Choose at least one"),
        ({"name": "Books", "scope:calls:write": "on", "scope:*": "on"}, "Choose at least one"),
    ],
)
async def test_a_key_without_sense_is_not_made(
    customer: httpx.AsyncClient, bots: Bots, fields: dict[str, str], words: str
) -> None:
    """The page says what is missing and keeps the rest; scopes of the platform are none here."""
    answer = await send(customer, PAGE, PAGE, **fields)
    assert answer.status_code == 400
    assert words in answer.text
    assert "No key was made" in answer.text
    if fields["name"] == "Books":
        assert 'name="name" value="Books"' in answer.text
    assert await keys_of(bots.platform, bots.account_id) == []


async def test_owners_are_told_of_a_new_key(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A message is written with the key: its name and id, never the key."""
    answer = await send(customer, PAGE, PAGE, **READS)
    [key] = await keys_of(bots.platform, bots.account_id)
    async with bots.platform.connection() as connection:
        cursor = await connection.execute(
            "SELECT kind, ref, facts::text FROM message"
            " WHERE account_id = %s AND recipient IS NULL",
            [bots.account_id],
        )
        found = [row for row in await cursor.fetchall() if row[0] == MessageKind.KEY_CREATED]
    [(_, ref, facts)] = found
    assert ref == key.key_id
    assert "Books" in facts
    assert shown_key(answer.text)[-64:] not in facts


async def test_a_key_is_revoked_after_a_question(customer: httpx.AsyncClient, bots: Bots) -> None:
    """The question names the key; afterwards it is among those revoked, and useless."""
    text = shown_key((await send(customer, PAGE, PAGE, **READS)).text)
    [key] = await keys_of(bots.platform, bots.account_id)
    place = f"{PAGE}/{key.key_id}/revoke"
    page = (await customer.get(place)).text
    assert "Revoke “Books”?" in page
    assert (await keys_of(bots.platform, bots.account_id))[0].revoked_at is None
    answer = await send(customer, place, place)
    assert answer.headers["location"] == f"{PAGE}?revoked"
    page = (await customer.get(answer.headers["location"])).text
    for words in ("The key is revoked.", "No key is in force.", "Revoked keys (1)"):
        assert words in page
    presented = parse_key(text)
    assert presented is not None
    async with bots.platform.connection() as connection:
        assert await verify_key(connection, presented, now=bots.platform.clock()) is None
    assert "is revoked already" in (await customer.get(place)).text


async def test_keys_are_ones_own(
    customer: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """Another account's key is neither listed nor found nor revoked."""
    other = await make_account()
    key_id = await make_key(platform, other, name="Somebody else's")
    assert key_id not in (await customer.get(PAGE)).text
    place = f"{PAGE}/{key_id}/revoke"
    assert (await customer.get(place)).status_code == 404
    assert (await send(customer, place, PAGE)).status_code == 404
    [key] = await keys_of(platform, other)
    assert key.revoked_at is None


@pytest.mark.parametrize("role", [Role.VIEWER, Role.BILLING])
async def test_only_owners_make_and_revoke(
    app: Litestar, platform: Platform, bots: Bots, role: Role
) -> None:
    """Others see which keys there are, no buttons, and why."""
    key_id = await make_key(platform, bots.account_id)
    address = await add_person(platform, bots.account_id, "bo", role)
    async with browser_of(app, platform, bots.account_id, address) as client:
        page = (await client.get(PAGE)).text
        assert key_id in page
        assert "only owners of the account make and revoke keys" in page
        assert "Make the key" not in page
        assert f"{key_id}/revoke" not in page
        place = f"{PAGE}/{key_id}/revoke"
        assert (await client.get(place)).status_code == 403
        assert (await send(client, place, PAGE)).status_code == 403
        assert (await send(client, PAGE, PAGE, **READS)).status_code == 403
    [key] = await keys_of(platform, bots.account_id)
    assert key.revoked_at is None


async def test_only_our_own_forms_make_keys(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A form of another site makes none and revokes none."""
    key_id = await make_key(bots.platform, bots.account_id)
    assert (await customer.post(PAGE, data=READS)).status_code == 403
    assert (await customer.post(f"{PAGE}/{key_id}/revoke")).status_code == 403
    [key] = await keys_of(bots.platform, bots.account_id)
    assert key.revoked_at is None


async def test_an_account_has_no_keys_without_end(
    customer: httpx.AsyncClient, bots: Bots, platform: Platform
) -> None:
    """One more than the most is refused in words, until one is revoked."""
    made = [await make_key(platform, bots.account_id) for _ in range(LIVE_KEYS_MAX)]
    answer = await send(customer, PAGE, PAGE, **READS)
    assert (answer.status_code, "at most 50 keys at once" in answer.text) == (400, True)
    with pytest.raises(Conflict):
        await make_key(platform, bots.account_id)
    async with platform.connection() as connection:
        await revoke_key(
            connection, account_id=bots.account_id, key_id=made[0], now=platform.clock()
        )
    assert (await send(customer, PAGE, PAGE, **READS)).status_code == 200


async def test_it_is_known_when_a_key_was_last_used(
    customer: httpx.AsyncClient, bots: Bots
) -> None:
    """To within ten minutes: the first use is noted, one soon after writes nothing."""
    platform = bots.platform
    presented = parse_key(shown_key((await send(customer, PAGE, PAGE, **READS)).text))
    assert presented is not None
    assert "Never" in (await customer.get(PAGE)).text
    first = platform.clock()
    soon, late = first + USE_NOTED_EVERY / 2, first + USE_NOTED_EVERY
    for used_at, known in ((first, first), (soon, first), (late, late)):
        async with platform.connection() as connection:
            await verify_key(connection, presented, now=used_at)
        [key] = await keys_of(platform, bots.account_id)
        assert key.last_used_at == known
    assert "Never" not in (await customer.get(PAGE)).text
