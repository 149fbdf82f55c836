"""Webhook endpoints over the API."""

import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from talktime.api.app import create_app
from talktime.config import Settings
from talktime.deliverer import Deliverer
from talktime.endpoints import TESTS
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.api.caller import OPERATOR_KEY, Caller, refused, running, told
from tests.conftest import AccountFactory
from tests.in_process import in_process
from tests.worker.receiver import Receiver, receiving

PUBLIC = "https://1.1.1.1/hook"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
def at_home(platform: Platform) -> Platform:
    """The platform where its operator allows private addresses."""
    return msgspec.structs.replace(
        platform, terms=msgspec.structs.replace(platform.terms, webhooks_private=True)
    )


@pytest.fixture
async def home_api(at_home: Platform, settings: Settings) -> AsyncIterator[Caller]:
    async with (
        running(create_app(at_home, settings)) as app,
        httpx.AsyncClient(transport=in_process(app), base_url="http://api.test") as client,
    ):
        yield Caller(client, OPERATOR_KEY)


async def deliver(platform: Platform) -> None:
    deliverer = Deliverer(platform, WebhookSender(allow_private=True))
    for _ in range(2):
        await deliverer.run()
        await deliverer.finish()
    await deliverer.close()


async def test_an_endpoint_from_its_making_to_its_end(
    api: Caller, make_account: AccountFactory
) -> None:
    """Made with a secret that is answered once; listed, changed, rotated, deleted."""
    base = f"/v1/accounts/{await make_account()}/webhooks"
    made = told(await api.ask("POST", base, {"url": PUBLIC, "types": ["call.settled"]}), 201)
    assert made["secret"].startswith("whsec_")
    one = f"{base}/{made['endpoint_id']}"
    listed = told(await api.ask("GET", base))["items"]
    assert [item["endpoint_id"] for item in listed] == [made["endpoint_id"]]
    assert "secret" not in listed[0]
    changed = told(
        await api.ask("PATCH", one, {"types": None, "description": "CRM", "enabled": False})
    )
    assert (changed["types"], changed["description"]) == (None, "CRM")
    assert (changed["status"], changed["disabled_reason"]) == ("disabled", "by_hand")
    assert told(await api.ask("PATCH", one, {"enabled": True}))["status"] == "enabled"
    rotated = told(await api.ask("POST", f"{one}/rotate"))
    assert rotated["secret"] != made["secret"]
    assert rotated["former_secret_until"] is not None
    assert (await api.ask("DELETE", one)).status_code == 204
    refused(await api.ask("GET", one), 404, "endpoint_unknown", "endpoint_id")


async def test_a_test_message_and_its_resend(
    home_api: Caller, make_account: AccountFactory, receiver: Receiver
) -> None:
    """Both go out at once, with the same id, and answer how it went."""
    base = f"/v1/accounts/{await make_account()}/webhooks"
    made = told(await home_api.ask("POST", base, {"url": receiver.url}), 201)
    receiver.secrets = [made["secret"]]
    one = f"{base}/{made['endpoint_id']}"
    receiver.status = lambda _: 500
    sent = told(await home_api.ask("POST", f"{one}/test"))
    assert (sent["type"], sent["state"]) == ("webhook.test", "given_up")
    assert (sent["last_status"], sent["last_failure"]) == (500, "answered 500")
    receiver.status = lambda _: 200
    path = f"{one}/deliveries/{sent['message_id']}/resend"
    again = told(await home_api.ask("POST", path))
    assert (again["state"], again["attempts"], again["last_failure"]) == ("delivered", 2, None)
    assert receiver.ids == [sent["message_id"]]
    assert receiver.bodies == [json.loads(sent["body"])]
    await home_api.ask("DELETE", one)


async def test_tests_are_not_sent_without_end(
    home_api: Caller, make_account: AccountFactory, receiver: Receiver
) -> None:
    """After some tests within a few minutes the next is refused, with the time to wait."""
    base = f"/v1/accounts/{await make_account()}/webhooks"
    made = told(await home_api.ask("POST", base, {"url": receiver.url}), 201)
    receiver.secrets = [made["secret"]]
    one = f"{base}/{made['endpoint_id']}"
    for _ in range(TESTS.most):
        told(await home_api.ask("POST", f"{one}/test"))
    answer = await home_api.ask("POST", f"{one}/test")
    refused(answer, 429, "too_many_attempts")
    assert 0 < int(answer.headers["retry-after"]) <= TESTS.window.total_seconds()
    assert len(receiver.bodies) == TESTS.most
    other = f"/v1/accounts/{await make_account()}/webhooks"
    theirs = told(await home_api.ask("POST", other, {"url": receiver.url}), 201)
    receiver.secrets = [theirs["secret"]]
    told(await home_api.ask("POST", f"{other}/{theirs['endpoint_id']}/test"))
    for path in (one, f"{other}/{theirs['endpoint_id']}"):
        await home_api.ask("DELETE", path)


async def test_deliveries_are_listed_with_bodies(
    home_api: Caller, at_home: Platform, make_account: AccountFactory, receiver: Receiver
) -> None:
    """Newest first, in pages, by state; a test in between harms no order."""
    account_id = await make_account(paid="5")
    bots = Bots(at_home, account_id)
    base = f"/v1/accounts/{account_id}/webhooks"
    body = {"url": receiver.url, "types": ["call.settled"]}
    made = told(await home_api.ask("POST", base, body), 201)
    one = f"{base}/{made['endpoint_id']}"
    for n in range(3):
        await bots.call(f"CA{n}", *MINUTE_BY_PHONE)
        if n == 1:
            await home_api.ask("POST", f"{one}/test")
        await deliver(at_home)
    first = told(await home_api.ask("GET", f"{one}/deliveries", params={"limit": 3}))
    rest = told(
        await home_api.ask(
            "GET", f"{one}/deliveries", params={"limit": 3, "cursor": first["next_cursor"]}
        )
    )
    items = first["items"] + rest["items"]
    assert rest["next_cursor"] is None
    assert {item["state"] for item in items} == {"delivered"}
    calls = [json.loads(item["body"])["data"].get("call_id") for item in items]
    assert [call for call in calls if call] == ["CA2", "CA1", "CA0"]
    assert len(items) == 4
    given_up = await home_api.ask("GET", f"{one}/deliveries", params={"state": "given_up"})
    assert told(given_up)["items"] == []
    await home_api.ask("DELETE", one)


async def test_a_resend_of_what_waits_tries_it_sooner(
    home_api: Caller, at_home: Platform, make_account: AccountFactory, receiver: Receiver
) -> None:
    """What waits keeps its turn: nothing overtakes it, and it is tried at once."""
    account_id = await make_account(paid="5")
    base = f"/v1/accounts/{account_id}/webhooks"
    body = {"url": receiver.url, "types": ["call.settled"]}
    made = told(await home_api.ask("POST", base, body), 201)
    one = f"{base}/{made['endpoint_id']}"
    receiver.status = lambda _: 503
    bots = Bots(at_home, account_id)
    for n in range(2):
        await bots.call(f"CA{n}", *MINUTE_BY_PHONE)
    await deliver(at_home)
    receiver.status = lambda _: 200
    await deliver(at_home)
    assert receiver.bodies == []
    newest = told(await home_api.ask("GET", f"{one}/deliveries"))["items"][0]
    path = f"{one}/deliveries/{newest['message_id']}/resend"
    assert told(await home_api.ask("POST", path))["state"] == "waiting"
    await deliver(at_home)
    assert [body["data"]["call_id"] for body in receiver.bodies] == ["CA0", "CA1"]
    await home_api.ask("DELETE", one)


async def test_the_platforms_endpoints_are_its_own(
    api: Caller, make_account: AccountFactory
) -> None:
    """An account's key reaches no endpoint, neither its account's nor the platform's."""
    account_id = await make_account()
    made = told(await api.ask("POST", "/v1/webhooks", {"url": PUBLIC, "endpoint_id": "ours"}), 201)
    assert made["account_id"] is None
    repeated = await api.ask("POST", "/v1/webhooks", {"url": PUBLIC, "endpoint_id": "ours"})
    refused(repeated, 409, "reference_conflict", "endpoint_id")
    key = api.using(await api.make_key("accounts:read", account_id=account_id))
    refused(await key.ask("GET", "/v1/webhooks"), 403, "forbidden")
    refused(await key.ask("GET", f"/v1/accounts/{account_id}/webhooks"), 403, "forbidden")
    # Under an account the platform's endpoint is not known.
    path = f"/v1/accounts/{account_id}/webhooks/ours"
    refused(await api.ask("GET", path), 404, "endpoint_unknown", "endpoint_id")
    refused(await api.ask("POST", f"{path}/test"), 404, "endpoint_unknown", "endpoint_id")
    refused(await api.ask("DELETE", path), 404, "endpoint_unknown", "endpoint_id")
    assert (await api.ask("DELETE", "/v1/webhooks/ours")).status_code == 204


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"url": "http://1.1.1.1/"}, "endpoint_refused", "url"),
        ({"url": "https://127.0.0.1/"}, "endpoint_refused", "url"),
        ({"url": "https://2130706433/"}, "endpoint_refused", "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "endpoint_refused", "url"),
        ({"url": PUBLIC, "types": ["call.sett"]}, "invalid_input", "types[0]"),
        ({"url": PUBLIC, "types": []}, "invalid_input", "types"),
        ({"url": PUBLIC, "description": "a\nb"}, "invalid_input", "description"),
        ({}, "invalid_input", "url"),
    ],
)
async def test_bad_endpoints_are_refused(
    api: Caller, make_account: AccountFactory, body: object, code: str, field: str
) -> None:
    """Addresses inside, unknown types, text of several lines: refused, naming the field."""
    base = f"/v1/accounts/{await make_account()}/webhooks"
    refused(await api.ask("POST", base, body), 400, code, field)


async def test_there_is_a_limit(api: Caller, make_account: AccountFactory) -> None:
    """An account has at most twenty endpoints."""
    base = f"/v1/accounts/{await make_account()}/webhooks"
    for _ in range(20):
        told(await api.ask("POST", base, {"url": PUBLIC}), 201)
    refused(await api.ask("POST", base, {"url": PUBLIC}), 400, "too_many", "url")
    assert len(told(await api.ask("GET", base))["items"]) == 20


async def test_an_account_must_be_there(api: Caller) -> None:
    """No endpoint for an account that does not exist."""
    answer = await api.ask("POST", "/v1/accounts/nobody/webhooks", {"url": PUBLIC})
    refused(answer, 404, "account_unknown", "account_id")
