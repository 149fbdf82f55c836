"""The mailbox of a development machine, and under which names it is shown."""

from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from talktime.gateways.mailbox import Mailbox
from talktime.portal.mailbox.pages import mailbox_router
from tests.in_process import in_process


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("rebind.evil.example", 403),
        ("localhost.evil.example:8080", 403),
        ("", 403),
    ],
)
async def test_the_mailbox_is_shown_under_our_own_names(
    tmp_path: Path, host: str, status: int
) -> None:
    """A name that somebody else gave our address shows no mail."""
    router = mailbox_router(Mailbox(tmp_path / "mails"), "http://127.0.0.1:8080")
    app = Litestar([router], openapi_config=None, logging_config=None)
    transport = in_process(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        assert (await client.get("/mailbox", headers={"host": host})).status_code == status
