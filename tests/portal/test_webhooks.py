"""Settings, Webhooks: what the customer sees and does, without a script."""

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.core.member import Role
from talktime.core.webhook import PLATFORM, WebhookType
from talktime.deliverer import Deliverer
from talktime.endpoints import add_endpoint
from talktime.gateways.webhook import WebhookSender
from talktime.ops.platform import Platform
from talktime.ops.portal_access import create_portal_link
from talktime.ops.webhooks import delete_endpoint, list_deliveries, list_endpoints
from talktime.portal.routes import portal_router
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.in_process import in_process
from tests.portal.conftest import new_link
from tests.worker.receiver import Receiver, receiving

PUBLIC = "https://1.1.1.1/hook"
ALL_TYPES = {f"type:{kind}": "on" for kind in WebhookType}


@pytest.fixture
def home(platform: Platform) -> Platform:
    """The platform where its operator allows private addresses."""
    return msgspec.structs.replace(
        platform, terms=msgspec.structs.replace(platform.terms, webhooks_private=True)
    )


@pytest.fixture
def app(home: Platform) -> Litestar:
    return Litestar([portal_router(home)], openapi_config=None, logging_config=None)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture(autouse=True)
async def forgotten(home: Platform, bots: Bots) -> AsyncIterator[None]:
    """No endpoint outlives its test."""
    yield
    async with home.connection() as connection:
        for one in await list_endpoints(connection, bots.account_id):
            await delete_endpoint(connection, bots.account_id, one.endpoint_id)


async def read(customer: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await customer.get(path)
    assert answer.status_code == status, answer.text
    return unescape(answer.text)


async def submit(
    customer: httpx.AsyncClient, page: str, path: str, **fields: str
) -> httpx.Response:
    """Send a form as the page at ``page`` would, its hidden fields included."""
    text = (await customer.get(page)).text
    hidden = dict(re.findall(r'name="(form_token|endpoint_id)" value="([^"]*)"', text))
    return await customer.post(path, data=hidden | fields)


async def deliver(home: Platform) -> None:
    deliverer = Deliverer(home, WebhookSender(allow_private=True))
    for _ in range(2):
        await deliverer.run()
        await deliverer.finish()
    await deliverer.close()


async def test_an_empty_page_says_what_to_do(customer: httpx.AsyncClient) -> None:
    """Without an endpoint the page says what one is for, and leads to the form."""
    text = await read(customer, "/settings/webhooks")
    assert "Nobody is told yet." in text
    assert 'href="/settings/webhooks/new"' in text


async def test_a_secret_is_shown_once(customer: httpx.AsyncClient, receiver: Receiver) -> None:
    """Adding shows the secret; the form sent again adds nothing, and no page shows it again."""
    form = await read(customer, "/settings/webhooks/new")
    fields = dict(re.findall(r'name="(form_token|endpoint_id)" value="([^"]*)"', form))
    fields |= {"url": receiver.url, "description": "Books"} | ALL_TYPES
    added = await customer.post("/settings/webhooks/new", data=fields)
    assert added.status_code == 200
    [secret] = re.findall(r"whsec_[A-Za-z0-9+/=]+", unescape(added.text))
    again = await customer.post("/settings/webhooks/new", data=fields)
    assert again.status_code == 303
    listed = await read(customer, "/settings/webhooks")
    assert listed.count(receiver.url) == 1
    assert "Everything" in listed
    assert "Books" in listed
    one = await read(customer, again.headers["location"])
    assert secret not in listed + one
    assert "Nothing was sent yet." in one


async def test_a_test_arrives_and_shows_how_it_went(
    customer: httpx.AsyncClient, bots: Bots, home: Platform, receiver: Receiver
) -> None:
    """The test is signed with the secret; not taken, the page says why and offers to send again."""
    made, secret = await add_endpoint(home, bots.account_id, url=receiver.url)
    receiver.secrets = [secret]
    place = f"/settings/webhooks/{made.endpoint_id}"
    receiver.status = lambda _: 500
    sent = await submit(customer, place, f"{place}/test")
    page = await read(customer, sent.headers["location"])
    assert "Not taken" in page
    assert "Answered 500." in page
    receiver.status = lambda _: 200
    delivery = sent.headers["location"].partition("?")[0]
    again = await submit(customer, delivery, f"{delivery}/resend")
    page = await read(customer, again.headers["location"])
    assert "Delivered" in page
    assert "It was sent once more." in page
    assert [body["type"] for body in receiver.bodies] == ["webhook.test"]


async def test_deliveries_show_bodies_and_failing_endpoints_say_why(
    customer: httpx.AsyncClient, bots: Bots, home: Platform, receiver: Receiver
) -> None:
    """A failing endpoint says since when and why; what waits is listed and can be tried sooner."""
    made, _ = await add_endpoint(home, bots.account_id, url=receiver.url, types=["call.settled"])
    place = f"/settings/webhooks/{made.endpoint_id}"
    receiver.status = lambda _: 503
    await bots.call("CA<1>", *MINUTE_BY_PHONE)
    await deliver(home)
    page = await read(customer, place)
    assert "Answered 503." in page
    assert "It has taken nothing since" in page
    [delivery] = set(re.findall(rf'href="({place}/deliveries/[^"]+)"', page))
    raw = (await customer.get(delivery)).text
    assert "CA<1>" not in raw, "escaped"
    assert '"charge": "0.052"' in unescape(raw)
    receiver.status = lambda _: 200
    sooner = await submit(customer, delivery, f"{delivery}/resend")
    assert "done=sooner" in sooner.headers["location"]
    await deliver(home)
    assert len(receiver.bodies) == 1
    assert "Healthy" in await read(customer, place)
    assert "There is none in this state." in await read(customer, f"{place}?state=given_up")


async def test_change_switch_rotate_delete(
    customer: httpx.AsyncClient, bots: Bots, home: Platform
) -> None:
    """Every act is a form of its own, says that it was done, and deleting is confirmed first."""
    made, first = await add_endpoint(home, bots.account_id, url=PUBLIC)
    place = f"/settings/webhooks/{made.endpoint_id}"
    fields = {"url": PUBLIC, "description": "CRM", "type:balance.low": "on"}
    changed = await submit(customer, f"{place}/edit", f"{place}/edit", **fields)
    assert "The endpoint is changed." in await read(customer, changed.headers["location"])
    off = await submit(customer, place, f"{place}/switch", to="disabled")
    assert "Disabled by hand" in await read(customer, off.headers["location"])
    on = await submit(customer, place, f"{place}/switch", to="enabled")
    assert "What waited comes first." in await read(customer, on.headers["location"])
    rotated = unescape((await submit(customer, place, f"{place}/rotate")).text)
    [second] = re.findall(r"whsec_[A-Za-z0-9+/=]+", rotated)
    assert second != first
    assert "signs too until" in rotated
    assert "balance.low" in rotated
    assert "Delete this endpoint?" in await read(customer, f"{place}/delete")
    gone = await submit(customer, f"{place}/delete", f"{place}/delete")
    assert "The endpoint is deleted" in await read(customer, gone.headers["location"])
    await read(customer, place, 404)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "ftp://example.com"} | ALL_TYPES, "Write it whole"),
        ({"url": "https://ada:pw@example.com/"} | ALL_TYPES, "leave user and password out"),
        ({"url": PUBLIC}, "Choose at least one event type"),
    ],
)
async def test_what_is_wrong_stands_by_its_field(
    customer: httpx.AsyncClient, fields: dict[str, str], words: str
) -> None:
    """A refused form comes back as it was filled in, with the reason beside the field."""
    page = "/settings/webhooks/new"
    refused = await submit(customer, page, page, **fields)
    assert refused.status_code == 400
    text = unescape(refused.text)
    assert words.lower() in text.lower()
    assert fields["url"] in text
    assert "No endpoint was added" in text


async def test_private_addresses_are_refused_where_they_are_not_allowed(
    home: Platform, bots: Bots
) -> None:
    """By default no customer can point us at our own machines."""
    public = msgspec.structs.replace(
        home, terms=msgspec.structs.replace(home.terms, webhooks_private=False)
    )
    app = Litestar([portal_router(public)], openapi_config=None, logging_config=None)
    transport = in_process(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=public.public_url) as browser:
        await browser.get(await new_link(public, bots.account_id))
        page = "/settings/webhooks/new"
        for url in ("https://127.0.0.1/", "https://0x7f.1/", "https://[::ffff:10.0.0.1]/"):
            refused = await submit(browser, page, page, url=url, **ALL_TYPES)
            assert "it leads into a private network" in unescape(refused.text)


@pytest.mark.parametrize("role", [Role.BILLING, Role.VIEWER])
async def test_the_part_is_for_owners(
    visitor: httpx.AsyncClient, home: Platform, bots: Bots, receiver: Receiver, role: Role
) -> None:
    """Others read that it is: no address, which may hold a secret, and no body, which has whole
    phone numbers however the account masks them; every page and change of it is refused."""
    made, _ = await add_endpoint(home, bots.account_id, url=receiver.url, types=["call.started"])
    await bots.start("CA1", direction="outbound", to_number="+4930901820")
    await deliver(home)
    async with home.connection() as connection:
        [sent], _ = await list_deliveries(
            connection, bots.account_id, made.endpoint_id, before=None, state=None, limit=2
        )
        assert "+4930901820" in sent.body
        token, _ = await create_portal_link(
            connection,
            account_id=bots.account_id,
            secret=f"a-secret-for-a-{role}-0123456789-{bots.account_id}",
            role=role,
            now=home.clock(),
        )
    await visitor.get(f"/enter?token={token}")
    place = f"/settings/webhooks/{made.endpoint_id}"
    part = await read(visitor, "/settings/webhooks")
    assert "Webhooks are for owners" in part
    assert f"Your role is {role}" in part
    assert receiver.url not in part
    assert made.endpoint_id not in part
    delivery = f"{place}/deliveries/{sent.message_id}"
    for path in (place, delivery, "/settings/webhooks/new", f"{place}/edit", f"{place}/delete"):
        refusal = await read(visitor, path, 403)
        assert "ask an owner of the account" in refusal
        assert receiver.url not in refusal
        assert "+4930" not in refusal
    for act in (
        "rotate",
        "test",
        "switch",
        "delete",
        "edit",
        f"deliveries/{sent.message_id}/resend",
    ):
        answer = await submit(visitor, "/settings/people", f"{place}/{act}")
        assert answer.status_code == 403, act


async def test_endpoints_of_others_are_not_there(
    customer: httpx.AsyncClient, home: Platform
) -> None:
    """Neither the platform's endpoints nor another account's can be seen or touched."""
    made, _ = await add_endpoint(home, PLATFORM, url=PUBLIC)
    place = f"/settings/webhooks/{made.endpoint_id}"
    await read(customer, place, 404)
    for act in ("rotate", "test", "switch", "delete"):
        answer = await submit(customer, "/settings/webhooks/new", f"{place}/{act}")
        assert answer.status_code == 404, act
    async with home.connection() as connection:
        assert [one.is_enabled for one in await list_endpoints(connection, PLATFORM)] == [True]
        await delete_endpoint(connection, PLATFORM, made.endpoint_id)


async def test_a_form_from_elsewhere_changes_nothing(
    customer: httpx.AsyncClient, bots: Bots, home: Platform
) -> None:
    """Without the page's own token nothing is added, rotated or deleted."""
    made, _ = await add_endpoint(home, bots.account_id, url=PUBLIC)
    place = f"/settings/webhooks/{made.endpoint_id}"
    for path in ("/settings/webhooks/new", f"{place}/rotate", f"{place}/delete", f"{place}/test"):
        assert (await customer.post(path, data={"url": PUBLIC})).status_code == 403
