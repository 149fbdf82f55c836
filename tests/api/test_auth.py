"""Who may do what: keys, scopes, whose account, and guessing."""

import asyncio
import base64
from collections.abc import Awaitable, Callable

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.api.auth import (
    FAILURES_MAX,
    KEY_TTL_SECONDS,
    WINDOW_SECONDS,
    KeyRing,
    guard_scope,
)
from talktime.api.problems import RateLimited
from talktime.core.errors import Unauthenticated
from talktime.ops.keys import key_text, parse_key, revoke_key
from talktime.ops.platform import Platform
from tests.api.caller import OPERATOR_KEY, Caller, refused, told

MakeAccount = Callable[..., Awaitable[str]]


class Clock:
    """Monotonic time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Method and path of everything that /openapi.json tells of, which is everything there is."""
    paths = msgspec.json.decode(app.state.openapi)["paths"]
    return [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/v1")
    ]


async def test_every_route_asks_for_a_key(app: Litestar, api: Caller) -> None:
    """No operation under /v1 answers anybody without a key, nor with one that is not known."""
    nobody = api.using(None)
    for method, path in routes(app):
        response = await nobody.ask(method, path)
        refused(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")
    wrong = key_text("", "0123456789abcdef", bytes(32))
    refused(await api.using(wrong).ask("GET", "/v1/accounts/a"), 401, "unauthenticated")
    basic = {"authorization": "Basic " + base64.b64encode(b"a:b").decode()}
    refused(await nobody.ask("GET", "/v1/accounts/a", headers=basic), 401, "unauthenticated")


async def test_a_key_is_for_its_scopes(api: Caller, make_account: MakeAccount) -> None:
    """A platform key acts on every account, within its scopes and no further."""
    account_id = await make_account(paid="1")
    writer = api.using(await api.make_key("calls:write"))
    told(await writer.start(account_id, "c"), 201)
    problem = refused(
        await writer.ask("GET", f"/v1/accounts/{account_id}/calls/c"), 403, "forbidden"
    )
    assert problem["scope"] == "calls:read"
    reader = api.using(await api.make_key("calls:read"))
    assert (await reader.call(account_id, "c"))["status"] == "live"
    refused(await reader.end(account_id, "c"), 403, "forbidden")
    refused(await reader.ask("POST", "/v1/batch/end", {"items": []}), 403, "forbidden")
    everything = api.using(await api.make_key("*"))
    told(await everything.end(account_id, "c"))


async def test_an_accounts_own_key(api: Caller, make_account: MakeAccount) -> None:
    """An account's key reads its own account; every other looks the same, there or not."""
    mine, other = await make_account(paid="1"), await make_account(paid="1")
    told(await api.start(mine, "c"), 201)
    key = await api.make_key("calls:read", "accounts:read", account_id=mine)
    own = api.using(key)
    assert (await own.call(mine, "c"))["call_id"] == "c"
    assert (await own.account(mine))["account_id"] == mine
    answers = [
        await own.ask("GET", f"/v1/accounts/{account_id}") for account_id in (other, "nobody-4711")
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json() == answers[1].json()
    refused(await own.ask("GET", "/v1/accounts"), 403, "forbidden")
    refused(await own.start(mine, "d"), 403, "forbidden")
    refused(await own.end(mine, "c"), 403, "forbidden")
    refused(await own.usage(mine, "c"), 403, "forbidden")
    for scope in ("calls:write", "keys:write", "ledger:adjust", "*"):
        body = {"name": "n", "scopes": [scope], "account_id": mine}
        refused(await api.ask("POST", "/v1/keys", body), 400, "invalid_input", "scopes")


async def test_no_key_makes_a_greater_one(api: Caller) -> None:
    """A key can be given no scope that the key which makes it lacks."""
    maker = api.using(await api.make_key("keys:write", "calls:read"))
    told(await maker.ask("POST", "/v1/keys", {"name": "n", "scopes": ["calls:read"]}), 201)
    for scope in ("calls:write", "*"):
        body = {"name": "n", "scopes": ["calls:read", scope]}
        refused(await maker.ask("POST", "/v1/keys", body), 403, "forbidden", "scopes")


async def test_keys_are_made_listed_and_revoked(api: Caller, make_account: MakeAccount) -> None:
    """A key is shown once, listed without its secret, and useless at once when it is revoked."""
    account_id = await make_account()
    bodies = [
        {"name": f"k{i}", "scopes": ["accounts:read"], "account_id": account_id} for i in range(3)
    ]
    made = [told(await api.ask("POST", "/v1/keys", body), 201) for body in bodies]
    listed: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        query = {"account_id": account_id, "limit": 2, **cursor}
        page = told(await api.ask("GET", "/v1/keys", params=query))
        listed += [key["key_id"] for key in page["items"]]
        assert all("key" not in key for key in page["items"])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert listed == sorted(key["key_id"] for key in made)

    own = api.using(made[0]["key"])
    await own.account(account_id)
    path = f"/v1/keys/{made[0]['key_id']}"
    refused(await api.ask("DELETE", path), 404, "not_found", "key_id")
    for _ in range(2):
        gone = await api.ask("DELETE", path, params={"account_id": account_id})
        assert gone.status_code == 204
    refused(await own.ask("GET", f"/v1/accounts/{account_id}"), 401, "unauthenticated")
    page = told(await api.ask("GET", "/v1/keys", params={"account_id": account_id}))
    revoked = [key["key_id"] for key in page["items"] if key["revoked_at"]]
    assert revoked == [made[0]["key_id"]]
    nobody = {"name": "n", "scopes": ["accounts:read"], "account_id": "nobody-4711"}
    refused(await api.ask("POST", "/v1/keys", nobody), 404, "account_unknown", "account_id")
    for scopes in ([], ["calls:fly"]):
        body = {"name": "n", "scopes": scopes}
        response = await api.ask("POST", "/v1/keys", body)
        assert response.status_code == 400
        assert response.json()["field"].startswith("scopes")


@pytest.mark.parametrize("account_id", ["", "a", "acct_1", "ünïcode 𝄞", "a_b-c~d", "x" * 255])
def test_a_key_says_where_to_look_it_up(account_id: str) -> None:
    """What makes a key is read back from it, whatever the account is called."""
    text = key_text(account_id, "0123456789abcdef", bytes(range(32)))
    assert text.isascii()
    found = parse_key(text)
    assert found is not None
    assert (found.account_id, found.key_id) == (account_id, "0123456789abcdef")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tt_",
        "tt_platform_x",
        "tt_platform_x_zz",
        "tt_platform_x_" + "00" * 31,
        "xx_platform_x_" + "00" * 32,
        "tt__x_" + "00" * 32,
        "tt_!!_x_" + "00" * 32,
        "tt_AAAA_x_" + "00" * 32,
        "tt_platform_é_" + "00" * 32,
        "tt_platform_x_" + "00" * 2000,
    ],
)
def test_what_cannot_be_a_key(text: str) -> None:
    """Nonsense is told from a key without asking the database."""
    assert parse_key(text) is None


async def make_ring_key(api: Caller) -> tuple[bytes, str]:
    made = told(await api.ask("POST", "/v1/keys", {"name": "n", "scopes": ["calls:read"]}), 201)
    return made["key"].encode(), made["key_id"]


async def test_a_revoked_key_dies_within_seconds(api: Caller, platform: Platform) -> None:
    """What a key was found to be holds for five seconds, and no longer."""
    token, key_id = await make_ring_key(api)
    clock = Clock()
    ring = KeyRing(platform, None, monotonic=clock)
    await asyncio.gather(*(ring.principal_of(token, "1.2.3.4") for _ in range(20)))
    async with platform.connection() as connection:
        await revoke_key(connection, account_id="", key_id=key_id, now=platform.clock())
    clock.now += KEY_TTL_SECONDS - 0.1
    await ring.principal_of(token, "1.2.3.4")
    clock.now += 0.2
    with pytest.raises(Unauthenticated):
        await ring.principal_of(token, "1.2.3.4")


async def test_guessing_is_slowed_down(api: Caller, platform: Platform) -> None:
    """After many wrong keys from an address none is tried for a while; known good ones are."""
    token, _ = await make_ring_key(api)
    other, _ = await make_ring_key(api)
    clock = Clock()
    ring = KeyRing(platform, OPERATOR_KEY, monotonic=clock)
    await ring.principal_of(token, "1.2.3.4")
    for i in range(FAILURES_MAX):
        with pytest.raises(Unauthenticated):
            await ring.principal_of(b"tt_wrong_%d" % i, "1.2.3.4")
    with pytest.raises(RateLimited) as refusal:
        await ring.principal_of(b"tt_wrong_again", "1.2.3.4")
    assert 0 < refusal.value.retry_after <= WINDOW_SECONDS + 1
    with pytest.raises(RateLimited):
        await ring.principal_of(other, "1.2.3.4")
    clock.now += KEY_TTL_SECONDS + 1
    await ring.principal_of(token, "1.2.3.4")
    await ring.principal_of(OPERATOR_KEY.encode(), "1.2.3.4")
    await ring.principal_of(other, "5.6.7.8")
    clock.now += WINDOW_SECONDS
    with pytest.raises(Unauthenticated):
        await ring.principal_of(b"tt_wrong_again", "1.2.3.4")


async def test_revoking_locks_nobody_else_out(api: Caller, platform: Platform) -> None:
    """Where guessing is slowed down, a key known as good stays exempt when another is revoked."""
    token, _ = await make_ring_key(api)
    revoked, key_id = await make_ring_key(api)
    ring = KeyRing(platform, OPERATOR_KEY, monotonic=Clock())
    for known in (token, revoked):
        await ring.principal_of(known, "1.2.3.4")
    for i in range(FAILURES_MAX):
        with pytest.raises(Unauthenticated):
            await ring.principal_of(b"tt_wrong_%d" % i, "1.2.3.4")
    async with platform.connection() as connection:
        await revoke_key(connection, account_id="", key_id=key_id, now=platform.clock())
    ring.forget()
    assert ring.remembered(token) is None
    await ring.principal_of(token, "1.2.3.4")
    with pytest.raises(Unauthenticated):
        await ring.principal_of(revoked, "1.2.3.4")
    with pytest.raises(RateLimited):
        await ring.principal_of(revoked, "1.2.3.4")


async def test_a_stream_that_ends_is_no_guess(api: Caller, platform: Platform) -> None:
    """Asking again about keys of open streams counts against nobody, however many they were."""
    token, key_id = await make_ring_key(api)
    other, _ = await make_ring_key(api)
    clock = Clock()
    ring = KeyRing(platform, None, monotonic=clock)
    await ring.principal_of(token, "1.2.3.4")
    assert await ring.still_may(token, "calls:read", None)
    assert not await ring.still_may(token, "events:read", None)
    async with platform.connection() as connection:
        await revoke_key(connection, account_id="", key_id=key_id, now=platform.clock())
    clock.now += KEY_TTL_SECONDS
    for _ in range(FAILURES_MAX + 1):
        assert not await ring.still_may(token, "calls:read", None)
    await ring.principal_of(other, "1.2.3.4")


async def test_too_many_wrong_keys_over_http(api: Caller) -> None:
    """A guesser is told when to come back."""
    statuses: list[int] = []
    response: httpx.Response | None = None
    for i in range(FAILURES_MAX + 1):
        response = await api.using(f"tt_guess_{i}").ask("GET", "/v1/accounts/a")
        statuses.append(response.status_code)
    assert response is not None
    assert statuses == [401] * FAILURES_MAX + [429]
    refused(response, 429, "rate_limited")
    assert int(response.headers["retry-after"]) > 0


def test_the_guard_stands_before_every_route(app: Litestar) -> None:
    """Authentication hangs on the application, not on each handler's memory."""
    assert guard_scope in app.guards
