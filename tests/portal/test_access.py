"""Getting in, staying in and getting out."""

import html
import secrets
from datetime import timedelta

import httpx
import pytest
from litestar import Litestar, Request
from litestar.types import HTTPScope

from talktime.core.member import Role
from talktime.ops.platform import Platform
from talktime.ops.portal_access import create_portal_link
from talktime.ops.sessions import LINK_SESSION_LIFE, close_session, read_session
from talktime.portal.routes import portal_router
from talktime.portal.visiting import COOKIE, FRAMED_COOKIE, session_tokens
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.conftest import AccountFactory
from tests.portal.conftest import browser_of, new_link

PAGES = ["/billing", "/calls", "/calls/CA1", "/calls/CA1/receipt", "/live"]


async def test_link_opens_a_session(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """A one-time link signs the browser in and goes on to Billing; its cookie is no script's."""
    answer = await visitor.get(await new_link(platform, bots.account_id))
    assert (answer.status_code, answer.headers["location"]) == (303, "/billing")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(COOKIE)
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" in cookie
    assert (await visitor.get("/billing")).status_code == 200


async def test_a_new_session_closes_the_one_it_replaces(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """What a browser forgets for a new link's session is worth nothing to whoever kept it."""
    await visitor.get(await new_link(platform, bots.account_id))
    former = visitor.cookies[COOKIE]
    await visitor.get(await new_link(platform, bots.account_id))
    async with platform.connection() as connection:
        assert await read_session(connection, former, now=platform.clock()) is None
    assert (await visitor.get("/billing")).status_code == 200


async def test_link_works_once(visitor: httpx.AsyncClient, platform: Platform, bots: Bots) -> None:
    """A used link opens nothing for another browser, and the page says what to do."""
    link = await new_link(platform, bots.account_id)
    await visitor.get(link)
    visitor.cookies.clear()
    answer = await visitor.get(link)
    assert answer.status_code == 410
    assert "Open Billing from your platform again" in answer.text
    assert "set-cookie" not in answer.headers


async def test_used_link_in_the_same_browser_goes_on(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """Opening one's own link a second time, by a reload say, just goes on to Billing."""
    link = await new_link(platform, bots.account_id)
    await visitor.get(link)
    answer = await visitor.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/billing")


@pytest.mark.parametrize("token", ["", "x", "x.y", "é.y", "a" * 4000])
async def test_tokens_that_are_none(visitor: httpx.AsyncClient, token: str) -> None:
    """Whatever is not a token is answered as a used link, whatever it is."""
    assert (await visitor.get("/enter", params={"token": token})).status_code == 410


@pytest.mark.parametrize("path", PAGES)
async def test_signed_out(visitor: httpx.AsyncClient, path: str) -> None:
    """Without a session every page is a 401 in words, with the next step."""
    answer = await visitor.get(path)
    assert answer.status_code == 401
    assert "You are signed out" in answer.text
    assert "Open Billing from your platform again" in answer.text


async def test_home(visitor: httpx.AsyncClient, platform: Platform, bots: Bots) -> None:
    """The bare address goes to Billing, and to the way in for who is not signed in."""
    answer = await visitor.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    await visitor.get(await new_link(platform, bots.account_id))
    answer = await visitor.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/billing")


async def test_leaving_closes_the_session(customer: httpx.AsyncClient) -> None:
    """Signing out ends the session itself: its cookie, kept, opens nothing any more."""
    page = await customer.get("/billing")
    token = page.text.split('name="form_token" value="')[1].split('"')[0]
    session = customer.cookies[COOKIE]
    answer = await customer.post("/leave", data={"form_token": token})
    assert answer.status_code == 200
    assert "You are signed out" in answer.text
    customer.cookies.clear()
    customer.cookies.set(COOKIE, session, domain="talktime.test")
    assert (await customer.get("/billing")).status_code == 401


@pytest.mark.parametrize("form", [{}, {"form_token": "guessed"}, {"form_token": "é"}])
async def test_leaving_needs_our_own_form(
    customer: httpx.AsyncClient, form: dict[str, str]
) -> None:
    """A form of another site cannot sign a customer out."""
    assert (await customer.post("/leave", data=form)).status_code == 403
    assert (await customer.get("/billing")).status_code == 200


async def test_pages_show_their_own_account_only(
    customer: httpx.AsyncClient, platform: Platform, make_account: AccountFactory
) -> None:
    """A call of another account is not there, under any address."""
    stranger = Bots(platform, await make_account(paid="5"))
    await stranger.call("secret-call", *MINUTE_BY_PHONE)
    for path in ("/calls/secret-call", "/calls/secret-call/receipt"):
        assert (await customer.get(path)).status_code == 404
    for path in ("/billing", "/calls"):
        assert "secret-call" not in (await customer.get(path)).text


@pytest.mark.parametrize("path", ["/billing", "/calls", "/calls/none", "/enter?token=x"])
async def test_headers_of_every_page(customer: httpx.AsyncClient, path: str) -> None:
    """Every page, refusals too, runs only our own scripts and styles, and is kept nowhere."""
    answer = await customer.get(path)
    policy = answer.headers["content-security-policy"]
    if answer.status_code != 303:
        for part in (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ):
            assert part in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text
    assert "<script>" not in answer.text


async def test_assets_never_go_stale(customer: httpx.AsyncClient) -> None:
    """An asset's address holds a digest of it: cached for good, and only the right digest works."""
    page = (await customer.get("/billing")).text
    href = next(part for part in page.split('"') if part.endswith("portal.css"))
    answer = await customer.get(href)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    wrong = href.replace("/assets/", "/assets/0")
    assert (await customer.get(wrong)).status_code == 404
    for name in ("../routes.py", "..%2froutes.py", "nothing.css"):
        assert (await customer.get(f"/assets/0/{name}")).status_code == 404


async def framed(visitor: httpx.AsyncClient, platform: Platform, account_id: str) -> httpx.Response:
    """The answer to a link whose session one site may frame."""
    async with platform.connection() as connection:
        token, _ = await create_portal_link(
            connection,
            account_id=account_id,
            secret=secrets.token_urlsafe(32),
            role=Role.VIEWER,
            frame_origin="https://app.example.com",
            now=platform.clock(),
        )
    return await visitor.get("/enter", params={"token": token})


async def test_a_framed_session_has_a_cookie_of_its_own(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """Kept apart by site, and beside the cookie of the pages by themselves."""
    answer = await framed(visitor, platform, bots.account_id)
    parts = [part.strip() for part in answer.headers["set-cookie"].split(";")]
    assert parts[0].startswith(f"{FRAMED_COOKIE}=")
    assert {"HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/"} < set(parts)
    assert COOKIE not in visitor.cookies


async def test_only_a_framed_session_is_framed(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """Its pages name the one site that may; a page by itself, and a refusal, names nobody."""
    await framed(visitor, platform, bots.account_id)
    within = await visitor.get("/settings/people", headers={"sec-fetch-dest": "iframe"})
    assert "frame-ancestors https://app.example.com;" in within.headers["content-security-policy"]
    assert "x-frame-options" not in within.headers
    assert "Invite somebody" not in within.text
    await visitor.get(await new_link(platform, bots.account_id))
    by_itself = await visitor.get("/settings/people", headers={"sec-fetch-dest": "document"})
    assert "Invite somebody" in by_itself.text
    visitor.cookies.clear()
    refused = await visitor.get("/settings/people", headers={"sec-fetch-dest": "iframe"})
    for answer in (by_itself, refused):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"


async def test_each_page_listens_with_its_own_session(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots, make_account: AccountFactory
) -> None:
    """A browser that has both kinds of session streams to each page what is of its account."""
    await framed(visitor, platform, await make_account(paid="7"))
    await visitor.get(await new_link(platform, bots.account_id))
    for kind, mark in (("iframe", "$7.00"), ("document", "$5.50")):
        page = (await visitor.get("/billing", headers={"sec-fetch-dest": kind})).text
        assert mark in page
        live = html.unescape(page.split('data-live="')[1].split('"')[0])
        assert ("within=1" in live) == (kind == "iframe")
        request = visitor.build_request("GET", live, headers={"sec-fetch-dest": "empty"})
        token = session_tokens(Request(request_scope(request)))[0]
        async with platform.connection() as connection:
            session = await read_session(connection, token, now=platform.clock())
        assert session is not None
        assert (session.framed_by is not None) == (kind == "iframe")


async def test_a_framed_page_asks_for_its_own_account(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots, make_account: AccountFactory
) -> None:
    """What a framed page's scripts read is of its account, or refused, whoever else is signed in
    in that browser; what those of a page by itself read is of that one's."""
    account_id = await make_account(paid="7")
    await framed(visitor, platform, account_id)
    await visitor.get(await new_link(platform, bots.account_id))
    by_script = {"sec-fetch-dest": "empty"}
    within = by_script | {"talktime-within": "1"}
    assert "$7.00" in (await visitor.get("/billing", headers=within)).text
    assert "$5.50" in (await visitor.get("/billing", headers=by_script)).text
    async with platform.connection() as connection:
        await close_session(connection, visitor.cookies[FRAMED_COOKIE])
    for path, headers in (
        ("/billing", within),
        ("/billing", {"sec-fetch-dest": "iframe"}),
        ("/live?within=1", by_script),
    ):
        assert (await visitor.get(path, headers=headers)).status_code == 401
    assert "$5.50" in (await visitor.get("/billing", headers=by_script)).text


async def test_a_framed_page_whose_session_ended_says_so(platform: Platform, bots: Bots) -> None:
    """It is shown within the sites that may frame pages, and leads back to the platform."""
    origins = ("https://app.example.com", "https://desk.example.com")
    app = Litestar(
        [portal_router(platform, frame_origins=origins)], openapi_config=None, logging_config=None
    )
    async with browser_of(app, platform) as browser:
        answer = await framed(browser, platform, bots.account_id)
        age = answer.headers["set-cookie"].split("Max-Age=")[1].split(";")[0]
        assert int(age) > LINK_SESSION_LIFE // timedelta(seconds=1)
        async with platform.connection() as connection:
            await close_session(connection, browser.cookies[FRAMED_COOKIE])
        for path in ("/billing", "/calls/CA1", "/enter?token=used"):
            ended = await browser.get(path, headers={"sec-fetch-dest": "iframe"})
            assert ended.status_code == (410 if "enter" in path else 401)
            policy = ended.headers["content-security-policy"]
            assert f"frame-ancestors {' '.join(origins)};" in policy
            assert "x-frame-options" not in ended.headers
            assert "Ask your platform to open this page again." in ended.text
            assert "/sign-in" not in ended.text
        by_itself = await browser.get("/billing", headers={"sec-fetch-dest": "document"})
        assert "/sign-in" in by_itself.text
        sign_in = await browser.get("/sign-in", headers={"sec-fetch-dest": "iframe"})
        browser.cookies.clear()
        stranger = await browser.get("/billing", headers={"sec-fetch-dest": "iframe"})
        for answer in (by_itself, sign_in, stranger):
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-frame-options"] == "DENY"


async def test_without_sites_nobody_frames_a_refusal(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """Where the operator lists no site, no refusal is framed."""
    await framed(visitor, platform, bots.account_id)
    async with platform.connection() as connection:
        await close_session(connection, visitor.cookies[FRAMED_COOKIE])
    ended = await visitor.get("/billing", headers={"sec-fetch-dest": "iframe"})
    assert "frame-ancestors 'none'" in ended.headers["content-security-policy"]
    assert ended.headers["x-frame-options"] == "DENY"


def request_scope(request: httpx.Request) -> HTTPScope:
    """What a server would make of a request."""
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    scope: HTTPScope = {  # type: ignore[typeddict-item]
        "type": "http",
        "method": "GET",
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": headers,
    }
    return scope


@pytest.mark.parametrize(
    ("role", "is_shown"), [(Role.OWNER, True), (Role.BILLING, True), (Role.VIEWER, False)]
)
async def test_who_may_not_spend_has_no_buttons_for_it(
    visitor: httpx.AsyncClient, platform: Platform, bots: Bots, *, role: Role, is_shown: bool
) -> None:
    """Billing has its buttons for those who may use them."""
    await visitor.get(await link_as(platform, bots.account_id, role))
    page = (await visitor.get("/billing")).text
    assert ('data-dialog="Redeem coupon">Redeem coupon</a>' in page) == is_shown


async def link_as(platform: Platform, account_id: str, role: Role) -> str:
    """The path of a link whose session has a role."""
    async with platform.connection() as connection:
        token, _ = await create_portal_link(
            connection,
            account_id=account_id,
            secret=secrets.token_urlsafe(32),
            role=role,
            now=platform.clock(),
        )
    return f"/enter?token={token}"


@pytest.mark.parametrize(
    ("role", "path", "fields"),
    [
        (Role.VIEWER, "/billing/redeem", {"code": "X"}),
        (Role.VIEWER, "/billing/redeem/confirm", {"code": "X"}),
        (Role.VIEWER, "/settings", {"warning_level": "1"}),
        (Role.VIEWER, "/settings/people/invite", {"address": "a@example.com", "role": "owner"}),
        (Role.BILLING, "/settings/people/invite", {"address": "a@example.com", "role": "owner"}),
        (Role.VIEWER, "/settings/people/role", {"address": "a@example.com", "role": "owner"}),
        (Role.BILLING, "/settings/people/remove", {"address": "a@example.com"}),
    ],
)
async def test_roles_hold_whatever_form_is_sent(
    visitor: httpx.AsyncClient,
    platform: Platform,
    bots: Bots,
    *,
    role: Role,
    path: str,
    fields: dict[str, str],
) -> None:
    """A form that the pages would not show is refused, and says why."""
    await visitor.get(await link_as(platform, bots.account_id, role))
    page = (await visitor.get("/settings/people")).text
    form_token = page.split('name="form_token" value="')[1].split('"')[0]
    answer = await visitor.post(path, data={"form_token": form_token, **fields})
    assert answer.status_code == 403
    assert f"your role on this account ({role.value})" in answer.text.lower()
    assert "Reload" not in answer.text, "which would change nothing"


async def test_a_link_to_another_account_asks_first(
    customer: httpx.AsyncClient, platform: Platform, bots: Bots, make_account: AccountFactory
) -> None:
    """Who is signed in is not put into another account unasked: a button of ours does it."""
    other = await make_account(paid="7")
    link = await new_link(platform, other)
    for way in (link, f"{link}&within=1"):
        page = await customer.get(way)
        assert (page.status_code, "set-cookie" in page.headers) == (200, False)
        assert "This link opens another account" in page.text
        assert 'action="/enter"' in page.text
    token = link.partition("token=")[2]
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    refused = await customer.post("/enter", data={"token": token}, headers=foreign)
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert "$5.50" in (await customer.get("/billing")).text
    entered = await customer.post("/enter", data={"token": token})
    assert (entered.status_code, entered.headers["location"]) == (303, "/billing")
    assert "$7.00" in (await customer.get("/billing")).text


async def test_a_link_to_the_same_account_just_goes_on(
    customer: httpx.AsyncClient, platform: Platform, bots: Bots
) -> None:
    """A fresh link to the account that is open already asks nothing."""
    answer = await customer.get(await new_link(platform, bots.account_id))
    assert (answer.status_code, "set-cookie" in answer.headers) == (303, True)
