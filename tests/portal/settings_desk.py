"""Browsers of people with roles, and forms as a browser sends them."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import httpx
from litestar import Litestar

from talktime.core.member import Role
from talktime.ops.members import add_member
from talktime.ops.platform import Platform
from talktime.ops.sessions import open_session
from talktime.portal.visiting import COOKIE
from tests.in_process import in_process


async def add_person(platform: Platform, account_id: str, name: str, role: Role) -> str:
    """Make somebody a member; their address."""
    address = f"{name}-{secrets.token_hex(4)}@example.com"
    async with platform.connection() as connection:
        await add_member(
            connection, account_id=account_id, address=address, role=role, now=platform.clock()
        )
    return address


async def session_of(platform: Platform, account_id: str, address: str) -> str:
    """A session of a person, as its cookie has it."""
    async with platform.connection() as connection:
        return await open_session(
            connection,
            account_id=account_id,
            address=address,
            role=None,
            secret=secrets.token_urlsafe(32),
            session_id=secrets.token_hex(8),
            user_agent="",
            now=platform.clock(),
        )


@asynccontextmanager
async def browser_of(
    app: Litestar, platform: Platform, account_id: str, address: str
) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of a member, signed in."""
    session = await session_of(platform, account_id, address)
    transport = in_process(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=platform.public_url) as client:
        client.cookies.set(COOKIE, session)
        yield client


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(f'name="{re.escape(name)}" value="([^"]*)"', page)
    assert found is not None, name
    return unescape(found[1])


async def send(client: httpx.AsyncClient, path: str, page: str, **fields: str) -> httpx.Response:
    """Send a form with the token of the page that it stands on."""
    token = hidden((await client.get(page)).text, "form_token")
    return await client.post(path, data={"form_token": token, **fields})
