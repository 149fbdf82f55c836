"""Addresses that nobody was given, and characters that nobody types."""

import re

import httpx
import pytest
from litestar import Litestar

from tests.portal.settings_desk import hidden


@pytest.mark.parametrize("path", ["/calls/a%00b", "/calls/a%00b/receipt", "/calls/%07"])
async def test_an_id_that_cannot_be(customer: httpx.AsyncClient, path: str) -> None:
    """A call's address with characters that no id has is an address where nothing is."""
    answer = await customer.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize("sign", ["%00", "%07", "%1b", "%7f", "%c2%85"])
async def test_no_page_chokes_on_what_cannot_be_typed(
    customer: httpx.AsyncClient, app: Litestar, sign: str
) -> None:
    """In whatever address or question they stand: refused in words, and nothing fails."""
    paths = {route.path for route in app.routes}
    names = ("account", "after", "before", "call", "code", "done", "q", "state", "token", "place")
    for path in sorted(paths):
        asked = re.sub(r"\{[^}]+\}", f"x{sign}", path)
        if asked != path:
            answer = await customer.get(asked)
            assert answer.status_code in {404, 405}, asked
        plain = re.sub(r"\{[^}]+\}", "x", path)
        query = "&".join(f"{name}=a{sign}" for name in names)
        answer = await customer.get(f"{plain}?{query}")
        assert answer.status_code in {400, 405}, plain
    answer = await customer.get(f"/calls?q=a{sign}")
    assert answer.status_code == 400
    assert "cannot be printed" in answer.text


@pytest.mark.parametrize("sign", ["\0", "\x07", "\x7f"])
async def test_no_form_chokes_on_what_cannot_be_typed(
    customer: httpx.AsyncClient, sign: str
) -> None:
    """A field with such a character is refused in words, whichever form it is of."""
    token = hidden((await customer.get("/settings")).text, "form_token")
    for path, name in (
        ("/settings", "time_zone"),
        ("/settings/people/role", "address"),
        ("/settings/people/sessions/end", "session_id"),
        ("/billing/redeem", "code"),
        ("/switch", "account_id"),
        ("/settings/webhooks/new", "description"),
    ):
        answer = await customer.post(path, data={"form_token": token, name: f"a{sign}b"})
        assert answer.status_code == 400, path
        assert "cannot be printed" in answer.text
    answer = await customer.post("/link", data={"token": f"a{sign}b"})
    assert answer.status_code < 500


async def test_unsubscribing_an_account_that_cannot_be(visitor: httpx.AsyncClient) -> None:
    """Without a session too: a link that was tampered with is refused in words."""
    message = "00000000-0000-4000-8000-000000000000"
    answer = await visitor.post(f"/unsubscribe?account=%00&message={message}&token=x")
    assert answer.status_code == 400
