"""General settings: who may change what, what is kept where it is refused, who gets which mail."""

import re
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from litestar import Litestar

from talktime.core.account import Account, NumberMask
from talktime.core.member import MailKind, Role
from talktime.ops.accounts import read_account
from talktime.ops.members import change_mail, list_members
from talktime.ops.platform import Platform
from talktime.portal.routes import portal_router
from talktime.portal.settings.zones import find_zone, zones
from tests.acting import Bots
from tests.conftest import AccountFactory
from tests.in_process import in_process
from tests.portal.conftest import new_link
from tests.portal.settings_desk import add_person, browser_of, hidden, send

AS_IT_IS = {"warning_level": "1.00", "time_zone": "UTC", "number_mask": "full"}


async def account_of(bots: Bots) -> Account:
    async with bots.platform.connection() as connection:
        return await read_account(connection, bots.account_id, now=bots.platform.clock())


async def mail_of(bots: Bots) -> dict[str, frozenset[MailKind]]:
    async with bots.platform.connection() as connection:
        found = await list_members(connection, bots.account_id)
    return {member.address: member.mail for member in found}


async def save(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await send(client, "/settings", "/settings", **{**AS_IT_IS, **fields})


async def test_settings_are_saved_and_told(customer: httpx.AsyncClient, bots: Bots) -> None:
    """What was typed is kept, the page says so, and Billing goes by it."""
    answer = await save(customer, warning_level=" $2.50 ", time_zone="berlin", number_mask="last4")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings?saved=settings")
    page = (await customer.get(answer.headers["location"])).text
    assert "Your settings are saved." in page
    for text in ('value="2.50"', 'value="Europe/Berlin"', 'value="last4" checked'):
        assert text in page
    account = await account_of(bots)
    assert account.warning_level_nanos == 2_500_000_000
    assert (account.time_zone, account.number_mask) == ("Europe/Berlin", NumberMask.LAST4)
    assert "Times in Europe/Berlin" in (await customer.get("/billing")).text


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"warning_level": "a lot"}, "warning_level", "such as 2.50"),
        ({"warning_level": "2,50"}, "warning_level", "such as 2.50"),
        ({"warning_level": ""}, "warning_level", "such as 2.50"),
        ({"warning_level": "1e3"}, "warning_level", "such as 2.50"),
        ({"warning_level": "-1"}, "warning_level", "zero or more"),
        ({"time_zone": "Mars/<b>"}, "time_zone", "No time zone is called that"),
        ({"time_zone": ""}, "time_zone", "No time zone is called that"),
        ({"number_mask": "half"}, "number_mask", "Choose one"),
    ],
)
async def test_a_refused_field_says_why_and_keeps_what_was_typed(
    customer: httpx.AsyncClient, bots: Bots, fields: dict[str, str], field: str, words: str
) -> None:
    """Nothing is saved, the good fields too; the field names its complaint, for everybody."""
    before = await account_of(bots)
    good = {"warning_level": "3.75", "time_zone": "Asia/Tokyo", "number_mask": "hidden"}
    answer = await save(customer, **{**good, **fields})
    assert answer.status_code == 400
    assert "Nothing was saved" in answer.text
    complaint = re.search(f'<p class="error" id="{field}-error">([^<]*)</p>', answer.text)
    assert complaint is not None
    assert words in complaint[1]
    assert f'aria-describedby="{field}-error {field}-hint"' in answer.text
    for name in ("warning_level", "time_zone"):
        typed = {**good, **fields}[name].replace("<", "&lt;").replace(">", "&gt;")
        assert f'name="{name}" value="{typed}"' in answer.text
    assert await account_of(bots) == before


async def test_levels_are_exact(customer: httpx.AsyncClient, bots: Bots) -> None:
    """What the form shows, saved again, is the same level, to the last nano."""
    await save(customer, warning_level="1234.000000001")
    page = (await customer.get("/settings")).text
    assert 'value="1234.000000001"' in page
    await save(customer, warning_level=hidden(page, "warning_level"))
    assert (await account_of(bots)).warning_level_nanos == 1_234_000_000_001


async def test_a_changed_zone_says_from_when_months_follow(
    platform: Platform, make_account: AccountFactory
) -> None:
    """Until the month is over, the page says in which zone it is counted, then no more."""
    account_id = await make_account()
    at = datetime(2100, 1, 15, 12, tzinfo=UTC)
    note = "Months are still counted in UTC, and in Asia/Tokyo from 1 Feb 2100 on."
    for now, is_told in ((at, True), (datetime(2100, 2, 1, tzinfo=UTC), False)):
        moved = msgspec.structs.replace(platform, clock=lambda now=now: now)
        app = Litestar([portal_router(moved)], openapi_config=None, logging_config=None)
        transport = in_process(app)
        async with httpx.AsyncClient(transport=transport, base_url=platform.public_url) as client:
            await client.get(await new_link(moved, account_id))
            await save(client, time_zone="Asia/Tokyo")
            assert (note in (await client.get("/settings")).text) == is_told


async def test_a_viewer_sees_values_and_whom_to_ask(
    app: Litestar, platform: Platform, bots: Bots
) -> None:
    """No field is there to be filled in vain; a form sent all the same is refused."""
    address = await add_person(platform, bots.account_id, "vi", Role.VIEWER)
    before = await account_of(bots)
    owner = f"{bots.account_id[5:]}@example.com"
    async with browser_of(app, platform, bots.account_id, address) as client:
        page = (await client.get("/settings")).text
        assert 'name="warning_level"' not in page
        for text in ("$1.00", "UTC", "Whole", "Your role is viewer", f"Ask {owner}"):
            assert text in page
        assert (await save(client, warning_level="9")).status_code == 403
    assert await account_of(bots) == before


async def test_everybody_chooses_their_own_mail(
    app: Litestar, platform: Platform, bots: Bots
) -> None:
    """A viewer changes what they get, and nobody else's, whatever their browser sends."""
    address = await add_person(platform, bots.account_id, "vi", Role.VIEWER)
    other = await add_person(platform, bots.account_id, "bo", Role.BILLING)
    before = await mail_of(bots)
    async with browser_of(app, platform, bots.account_id, address) as client:
        page = (await client.get("/settings")).text
        assert f'name="weekly:{address}"' in page
        assert f'name="weekly:{other}"' not in page
        fields = {f"to:{address}": "", f"weekly:{address}": "on"}
        answer = await send(client, "/settings/mail", "/settings", **fields)
        assert answer.headers["location"] == "/settings?saved=mail"
        after = {**before, address: frozenset({MailKind.WEEKLY})}
        assert await mail_of(bots) == after
        forged = {**fields, f"alerts:{address}": "on", f"to:{other}": "", f"weekly:{other}": "on"}
        assert (await send(client, "/settings/mail", "/settings", **forged)).status_code == 403
    assert await mail_of(bots) == after


async def test_who_configures_chooses_for_all(
    customer: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """Also through the platform's link; who is not in the form keeps what they chose."""
    first = await add_person(platform, bots.account_id, "ann", Role.VIEWER)
    later = await add_person(platform, bots.account_id, "zoe", Role.VIEWER)
    before = await mail_of(bots)
    fields = {f"to:{first}": "", f"alerts:{first}": "on", f"money_in:{first}": "on"}
    await send(customer, "/settings/mail", "/settings", **fields)
    chosen = frozenset({MailKind.ALERTS, MailKind.MONEY_IN})
    assert await mail_of(bots) == {**before, first: chosen}
    cleared = {f"to:{first}": "alerts money_in"}
    await send(customer, "/settings/mail", "/settings", **cleared)
    assert await mail_of(bots) == {**before, first: frozenset()}
    assert (await mail_of(bots))[later] == before[later]


async def test_a_form_left_open_undoes_nothing(
    customer: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """What others changed since the form was made stays; only what was ticked or cleared counts."""
    first = await add_person(platform, bots.account_id, "ann", Role.VIEWER)
    second = await add_person(platform, bots.account_id, "bo", Role.BILLING)
    page = (await customer.get("/settings")).text
    old = dict(re.findall(r'type="hidden" name="(to:[^"]+)" value="([^"]*)"', page))
    old |= dict.fromkeys(re.findall(r'type="checkbox" name="([^"]+)"[^>]* checked', page), "on")
    async with platform.connection() as connection:
        for address in (first, second):
            await change_mail(
                connection, bots.account_id, address, add={MailKind.WEEKLY}, drop={MailKind.ALERTS}
            )
    before = await mail_of(bots)
    await send(customer, "/settings/mail", "/settings", **{**old, f"money_in:{first}": "on"})
    chosen = before[first] | {MailKind.MONEY_IN}
    assert await mail_of(bots) == {**before, first: chosen}


async def test_only_our_own_forms_change_settings(customer: httpx.AsyncClient, bots: Bots) -> None:
    """A form of another site changes nothing."""
    before = await account_of(bots)
    for path in ("/settings", "/settings/mail"):
        answer = await customer.post(path, data={**AS_IT_IS, "warning_level": "9"})
        assert answer.status_code == 403
    assert await account_of(bots) == before


async def test_settings_are_ones_own(
    customer: httpx.AsyncClient, platform: Platform, bots: Bots, make_account: AccountFactory
) -> None:
    """A member of another account is not reached by a form of this one."""
    other = await make_account()
    address = await add_person(platform, other, "eve", Role.VIEWER)
    await send(
        customer, "/settings/mail", "/settings", **{f"to:{address}": "", f"weekly:{address}": "1"}
    )
    async with platform.connection() as connection:
        found = {one.address: one.mail for one in await list_members(connection, other)}
    assert MailKind.WEEKLY not in found[address]
    assert address not in (await customer.get("/settings")).text


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("utc", "UTC"),
        ("US/Pacific", "US/Pacific"),
        ("Atlantis", None),
        ("", None),
        ("../etc/passwd", None),
    ],
)
def test_the_zone_that_is_meant(typed: str, zone: str | None) -> None:
    """A name in any case, or a city alone; nothing that is no zone."""
    assert find_zone(typed) == zone


def test_zones_are_offered_with_their_offset() -> None:
    """Each place once, with how far its clock is from UTC today."""
    offered = {zone.name: zone.offset for zone in zones(datetime(2026, 11, 23, tzinfo=UTC))}
    assert offered["Asia/Kolkata"] == "UTC+05:30"
    assert offered["America/New_York"] == "UTC\N{MINUS SIGN}05:00"
    assert offered["UTC"] == "UTC+00:00"
    assert len(offered) > 300
