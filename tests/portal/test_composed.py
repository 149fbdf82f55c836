"""The pages beside the API, as they are served."""

from pathlib import Path

import httpx

from talktime.api.app import create_app
from talktime.config import load_settings
from talktime.ops.platform import Platform
from talktime.portal.routes import portal_router


async def test_each_refuses_in_its_own_way(platform: Platform, tmp_path: Path) -> None:
    """Beside each other, pages refuse in words and the API in problem+json."""
    settings = load_settings({"TALKTIME_HOME": str(tmp_path)})
    app = create_app(platform, settings, extra_handlers=[portal_router(platform)])
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=platform.public_url) as client:
        page = await client.get("/billing")
        assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
        answer = await client.get("/v1/accounts/ada")
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("application/problem+json")
        missing = await client.get("/nothing/here")
        assert missing.headers["content-type"].startswith("application/problem+json")
